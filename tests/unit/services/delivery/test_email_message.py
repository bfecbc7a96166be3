"""Emails as the standard library reads them back, and what no value can do to them."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.body_encoding import encode_body
from services.delivery.domain.message_identity import spell_message_id
from services.delivery.email_message import EmailHead, EmailSkeleton

HOSTILE = st.text(st.sampled_from('aZ é\r\n\0\t.:=?<>"\\-\x0b\x85\u2028ж😀'), max_size=120)
WORDS = HOSTILE | st.text(max_size=300) | st.text("abc =?\n", max_size=2_000)
NAMES = {
    "MIME-Version",
    "From",
    "Reply-To",
    "X-Carillon-Campaign",
    "Date",
    "Message-ID",
    "To",
    "Subject",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Content-Type",
}


def a_skeleton(**head: Any) -> EmailSkeleton:
    wanted = {
        "from_email": "news@example.com",
        "from_name": "Zoë's Shop",
        "reply_to": "help@example.com",
        "campaign": "cmp_1",
        "unsubscribe_url": "https://mail.example.com/u/",
    }
    return EmailSkeleton(EmailHead(**{**wanted, **head}))


def build(skeleton: EmailSkeleton, **parts: Any) -> bytes:
    wanted: dict[str, Any] = {
        "message_id": bytes(range(16)),
        "to": "ann@example.net",
        "subject": "Hello, Ann",
        "text": "Hello.",
        "html": "<p>Hello.</p>",
        "unsubscribe_token": b"token",
    } | parts
    wanted |= {name: encode_body(wanted[name]) for name in ("text", "html")}
    return skeleton.build(**wanted)


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n").rstrip("\n")


def test_an_email_has_the_headers_that_it_needs() -> None:
    message = read(build(a_skeleton()))

    assert set(message.keys()) == NAMES
    assert message["From"] == "Zoë's Shop <news@example.com>"
    assert message["Reply-To"] == "help@example.com"
    assert message["To"] == "ann@example.net"
    assert message["Subject"] == "Hello, Ann"
    assert message["Message-ID"] == f"<{spell_message_id(bytes(range(16)))}@example.com>"
    assert message["Date"].datetime.tzinfo is not None
    assert message["X-Carillon-Campaign"] == "cmp_1"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_one_click_unsubscribing_is_offered() -> None:
    message = read(build(a_skeleton()))

    assert message["List-Unsubscribe"] == "<https://mail.example.com/u/token>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"  # RFC 8058 §3.1


def test_without_a_link_nothing_is_said_of_unsubscribing() -> None:
    without_url = read(build(a_skeleton(unsubscribe_url="")))
    without_token = read(build(a_skeleton(), unsubscribe_token=b""))

    assert "List-Unsubscribe" not in without_url
    assert "List-Unsubscribe-Post" not in without_token


@pytest.mark.parametrize(
    ("has_text", "has_html", "kind"), [(True, False, "text/plain"), (False, True, "text/html")], ids=["text", "html"]
)
def test_one_body_alone_needs_no_parts(has_text: bool, has_html: bool, kind: str) -> None:
    message = read(build(a_skeleton(has_text=has_text, has_html=has_html)))

    assert message.get_content_type() == kind
    assert "Hello." in message.get_content()


@pytest.mark.parametrize(
    "text",
    [
        "Grüße aus Köln. " * 20,
        "Привет, Анна! " * 50,
        "x" * 5_000,
        "a\0b",
        ".\n..\n.dot\n",
        "=20 and =\n",
        "From me\n  trailing \t\n",
        "",
    ],
    ids=["western", "cyrillic", "one long line", "nul", "dots", "quoted already", "blanks", "empty"],
)
def test_any_body_is_read_back_as_it_was_written(text: str) -> None:
    message = read(build(a_skeleton(), text=text, html=text))

    assert body(message, "plain") == body(message, "html") == text.rstrip("\n")


@given(text=WORDS, html=WORDS, subject=WORDS, to=st.just("ann@example.net") | HOSTILE)
def test_no_value_reaches_beyond_its_place(text: str, html: str, subject: str, to: str) -> None:
    raw = build(a_skeleton(), text=text, html=html, subject=subject, to=to)

    assert raw.isascii()
    assert b"\0" not in raw
    assert all(len(line) <= 998 and b"\r" not in line and b"\n" not in line for line in raw.split(b"\r\n"))
    message = read(raw)
    assert set(message.keys()) == NAMES
    assert len(message.keys()) == len(NAMES)
    assert not message.defects
    assert message["To"] == (to if to == "ann@example.net" else "undisclosed-recipients:;")
    shown = "".join(letter if letter.isprintable() else " " for letter in subject)
    assert str(message["Subject"]).split() == shown.split()
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    assert body(message, "plain") == lines


@pytest.mark.parametrize(
    "head",
    [
        {"from_email": "nobody"},
        {"from_email": "a@x.example,b@y.example"},
        {"from_email": "a@x.example>\r\nBcc: b@y.example"},
        {"reply_to": "<>"},
        {"from_name": "Zoë\r\nBcc: b@y.example"},
        {"has_text": False, "has_html": False},
    ],
)
def test_a_skeleton_of_what_is_no_sender_is_not_made(head: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"address|line|body"):
        a_skeleton(**head)


@pytest.mark.parametrize("name", ['Joe "the" Shop', "Back\\slash", "Comma, Inc.", "=?utf-8?B?eA==?=", "Жук, Ltd. <x>"])
def test_a_senders_name_is_shown_as_it_is(name: str) -> None:
    message = read(build(a_skeleton(from_name=name)))

    (sender,) = message["From"].addresses
    assert sender.addr_spec == "news@example.com"
    if "=?" not in name:
        assert sender.display_name == name
