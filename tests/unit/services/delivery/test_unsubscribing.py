"""What counts as one click (RFC 8058, section 3.2), and what a person is shown."""

from __future__ import annotations

import pytest

from services.delivery import unsubscribe_page
from services.delivery.unsubscribing import require_one_click
from services.runtime.errors import Invalid

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=abc"


def part(name: str, value: str) -> bytes:
    return f'--abc\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--abc--\r\n'.encode()


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        (FORM, b"List-Unsubscribe=One-Click"),
        (FORM + "; charset=utf-8", b"a=b&List-Unsubscribe=One-Click"),
        (FORM, b"List%2DUnsubscribe=One-Click"),
        (MULTIPART, part("List-Unsubscribe", "One-Click")),
        ('Multipart/Form-Data; Boundary="abc"', part("List-Unsubscribe", "One-Click")),
    ],
)
def test_one_click_is_understood_in_both_encodings(content_type: str, form: bytes) -> None:
    require_one_click(content_type, form)


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        (FORM, b""),
        (FORM, b"List-Unsubscribe="),
        (FORM, b"List-Unsubscribe=Two-Clicks"),
        (FORM, b"\xff\xfe\0"),
        (FORM, part("List-Unsubscribe", "One-Click")),
        (MULTIPART, b"List-Unsubscribe=One-Click"),
        (MULTIPART, b""),
        (MULTIPART, part("List-Subscribe", "One-Click")),
        ("multipart/form-data", part("List-Unsubscribe", "One-Click")),
        (MULTIPART, b"--abc\r\n" * 500),
    ],
)
def test_anything_else_is_refused(content_type: str, form: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        require_one_click(content_type, form)

    assert refused.value.field == "form"


def test_the_page_posts_what_a_mail_program_posts() -> None:
    page = unsubscribe_page.question().data.decode()

    assert '<button name="List-Unsubscribe" value="One-Click">' in page
    assert "<script" not in page
