"""What an email address may be."""

from __future__ import annotations

import pytest

from services.mailboxes import MAX_LOCAL, MAX_MAILBOX, read_mailbox
from services.runtime.errors import Invalid

LONG_DOMAIN = ".".join(["d" * 63, "d" * 63, "d" * 57, "com"])


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("anna@example.com", "anna@example.com"),
        ("Anna.Smith+News@EXAMPLE.Com", "Anna.Smith+News@example.com"),
        ("o'hara_x-y@mail.example.co.uk", "o'hara_x-y@mail.example.co.uk"),
        ("a!#$%&'*+/=?^_`{|}~-@example.com", "a!#$%&'*+/=?^_`{|}~-@example.com"),
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("anna@BÜCHER.example", "anna@xn--bcher-kva.example"),
        ("anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
        ("a" * MAX_LOCAL + "@" + LONG_DOMAIN, "a" * MAX_LOCAL + "@" + LONG_DOMAIN),
    ],
)
def test_one_mailbox_is_kept_with_its_local_part_as_given_and_its_domain_in_lower_case(written: str, kept: str) -> None:
    assert len(kept) <= MAX_MAILBOX
    assert read_mailbox(written, "email") == kept
    assert read_mailbox(kept, "email") == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anna",
        "@example.com",
        "anna@",
        "a@x,b@y",
        "a@example.com,b@example.com",
        "a@example.com;b@example.com",
        "<>",
        "<anna@example.com>",
        "Anna <anna@example.com>",
        "anna@example.com\r\nBcc: b@example.com",
        "anna\r\n@example.com",
        "anna@example.com\n",
        "anna @example.com",
        " anna@example.com",
        "anna@example .com",
        "anna@example.com ",
        "anna@@example.com",
        "an@na@example.com",
        ".anna@example.com",
        "anna.@example.com",
        "an..na@example.com",
        '"anna smith"@example.com',
        "anna(comment)@example.com",
        "anna@[192.0.2.1]",
        "anna@192.0.2.1",
        "anna@localhost",
        "anna@-example.com",
        "anna@example-.com",
        "anna@example..com",
        "anna@example.com.",
        "anna@exa_mple.com",
        "anna@xn--.example",
        "anna@xn--a.example",
        "bücher@example.com",
        "anna@\u202eexample.com",
        "anna\0@example.com",
        "a" * (MAX_LOCAL + 1) + "@example.com",
        "a" * MAX_LOCAL + "@d" + LONG_DOMAIN,
        "anna@" + "d" * 64 + ".com",
    ],
)
def test_what_is_not_one_mailbox_is_refused_at_its_field(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_mailbox(text, "contacts[3].email")

    assert (caught.value.reason, caught.value.field) == ("EMAIL_INVALID", "contacts[3].email")
