"""Owns what a campaign's email may be: its parts, their limits, and what a start needs.

Never changes anything: each check raises Invalid with the field's path, or returns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.campaigns.domain.content import check_text
from services.email_templates import EmailTemplate
from services.mailboxes import read_mailbox
from services.runtime.errors import Invalid

MAX_SUBJECT = 200
MAX_NAME = 200
MAX_BODY_BYTES = 256 * 1024
BREAK = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class TemplateName:
    """A saved template; its newest version at the start where no other is named."""

    template: bytes
    version: int | None = None


@dataclass(frozen=True, slots=True)
class EmailContent:
    """What an email says: by a template, or with its own subject and bodies; empty is absent."""

    provider_account: bytes | None = None
    template: TemplateName | None = None
    from_email: str = ""
    from_name: str = ""
    reply_to: str = ""
    subject: str = ""
    html: str = ""
    text: str = ""

    @property
    def has_own_words(self) -> bool:
        """Whether it says anything itself."""
        return bool(self.subject or self.html or self.text)

    def compiled(self, path: str) -> EmailTemplate:
        """Its words, ready to render; Invalid where they do not compile."""
        return EmailTemplate(subject=self.subject, html=self.html, text=self.text, path=path)


def check_words(*, subject: str, html: str, text: str, path: str) -> EmailTemplate:
    """A subject and bodies, compiled; Invalid where they are beyond their limits or do not compile."""
    check_line(subject, field=f"{path}.subject", most=MAX_SUBJECT)
    for name, body in (("html", html), ("text", text)):
        if "\0" in body:
            raise Invalid("TEXT_INVALID", "A NUL character is not allowed.", field=f"{path}.{name}")
        if len(body.encode()) > MAX_BODY_BYTES:
            raise Invalid("TEXT_TOO_LONG", "At most 256 kB.", field=f"{path}.{name}")
    return EmailTemplate(subject=subject, html=html, text=text, path=path)


def check_words_can_start(*, subject: str, html: str, text: str, path: str) -> None:
    """An email has a subject and at least one body."""
    if not subject.strip():
        raise Invalid("FIELD_REQUIRED", "An email needs a subject.", field=f"{path}.subject")
    if not html.strip() and not text.strip():
        raise Invalid("FIELD_REQUIRED", "An email needs an HTML or a plain body.", field=f"{path}.html")


def check_line(value: str, *, field: str, most: int) -> None:
    """A text in one line: what a header can carry."""
    check_text(value, field=field, most=most)
    if BREAK.search(value):
        raise Invalid("TEXT_INVALID", "This is one line, without control characters.", field=field)


def check_email(content: EmailContent, *, path: str) -> None:
    """What is there is within its limits; drafts may lack the rest."""
    if content.template is not None and content.has_own_words:
        message = "Give either a template or a subject and bodies."
        raise Invalid("CONTENT_AMBIGUOUS", message, field=f"{path}.template")
    for name in ("from_email", "reply_to"):
        if getattr(content, name):
            read_mailbox(getattr(content, name), f"{path}.{name}")
    check_line(content.from_name, field=f"{path}.from_name", most=MAX_NAME)
    check_words(subject=content.subject, html=content.html, text=content.text, path=path)


def check_email_can_start(content: EmailContent | None, *, path: str) -> None:
    """An email needs an account to go out by, a sender, and something to say."""
    if content is None or content.provider_account is None:
        raise Invalid("FIELD_REQUIRED", "An email goes out by an account.", field=f"{path}.provider_account")
    if not content.from_email:
        raise Invalid("FIELD_REQUIRED", "An email needs a sender.", field=f"{path}.from_email")
    if content.template is None:
        check_words_can_start(subject=content.subject, html=content.html, text=content.text, path=path)
