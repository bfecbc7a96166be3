"""Owns what an email says to whoever reads it: subject, text, campaign, the link that unsubscribes.

Reads what came behind DATA as it came, dots stuffed (RFC 5321 §4.5.2). Never raises for what a stranger wrote.
"""

from __future__ import annotations

import email
import email.policy
import html
import re
from email.message import EmailMessage
from typing import Any

_CAMPAIGN = re.compile(rb"^x-carillon-campaign:[ \t]*([\x21-\x7e]{1,200})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_TAGS = re.compile(r"<(style|script|title)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_MOST = 2_000  # characters of a text that are shown


def campaign(raw: bytes) -> str:
    """Whose campaign it is, empty where it does not say."""
    found = _CAMPAIGN.search(raw, 0, max(raw.find(b"\r\n\r\n"), 0))
    return found[1].decode() if found else ""


def content(raw: bytes) -> dict[str, Any]:
    """`title`, `body`, `from`, `to`, `html`, `campaign`, `unsubscribe`; about a millisecond."""
    message = email.message_from_bytes(_unstuffed(raw), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    page = _part(message, "html")
    return {
        "campaign": campaign(raw),
        "title": _header(message, "subject"),
        "body": (_part(message, "plain") or _plain(page))[:_MOST],
        "html": page,
        "from": _header(message, "from"),
        "to": _header(message, "to"),
        "unsubscribe": _header(message, "list-unsubscribe").strip("<> "),
    }


def _unstuffed(raw: bytes) -> bytes:
    return (b"\r\n" + raw).replace(b"\r\n..", b"\r\n.")[2:]


def _header(message: EmailMessage, name: str) -> str:
    try:
        return str(message[name] or "")
    except (ValueError, LookupError, AttributeError):  # the parser of headers is known to raise these for nonsense
        return ""


def _part(message: EmailMessage, kind: str) -> str:
    try:
        part = message.get_body((kind,))
        return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""
    except (ValueError, LookupError, AttributeError):
        return ""


def _plain(page: str) -> str:
    return html.unescape(" ".join(_TAGS.sub(" ", page).split()))
