"""Owns the bytes that one email takes on the wire: its envelope and its body as DATA wants it (RFC 5321 §4.5.2).

Never opens a connection; what can be known to be refused before a byte leaves is said here.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from services.delivery.senders.sender import Message
from services.delivery.senders.smtp_account import EmailAddress
from services.delivery.senders.smtp_answers import ADDRESS_INVALID, EIGHT_BIT_NOT_TAKEN, LINE_TOO_LONG, TOO_LARGE
from services.delivery.senders.smtp_session import Abilities

_MAX_LINE = 998  # RFC 5322 §2.1.1
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAILBOX = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")


class CanonicalMail(bytes):
    """A message that is known to have no line of more than 998 and no CR or LF that is not CRLF, which also ends it.

    Whoever makes one vouches for that: it is not looked at again.
    """


class UndottedMail(CanonicalMail):
    """One of which, besides, no line begins with a dot."""


class EmailBytes(NamedTuple):
    """Ready to be written."""

    mail: bytes  # MAIL with its line's end
    rcpt: bytes
    body: bytes  # with the dot that ends it


def email_bytes(message: Message, abilities: Abilities) -> EmailBytes | str:
    """The bytes, or the reason why this server would never take them."""
    address = message.address
    if not isinstance(address, EmailAddress) or not is_mailbox(address.mail_from) or not is_mailbox(address.recipient):
        return ADDRESS_INVALID
    content = _canonical(message.payload)
    if content is None:
        return LINE_TOO_LONG
    if 0 < abilities.max_size < len(content):
        return TOO_LARGE
    parameters = b" SIZE=%d" % len(content) if abilities.size else b""
    if not content.isascii():
        if not abilities.eight_bit:
            return EIGHT_BIT_NOT_TAKEN
        parameters += b" BODY=8BITMIME"
    return EmailBytes(
        b"MAIL FROM:<%b>%b\r\n" % (address.mail_from.encode(), parameters),
        b"RCPT TO:<%b>\r\n" % address.recipient.encode(),
        _stuffed(content) + b".\r\n",
    )


@functools.lru_cache(maxsize=4096)  # a message's sender is everybody's, its recipient is asked for twice
def is_mailbox(text: str) -> bool:
    """Whether it is one plain ASCII mailbox: no quotes, no route, no list, no comment (RFC 5321 §4.1.2)."""
    return len(text) <= 254 and _MAILBOX.fullmatch(text) is not None


def _canonical(payload: bytes) -> bytes | None:
    if isinstance(payload, CanonicalMail):
        return payload
    # A lone CR or LF is a line's end to some servers: whoever could write one could write a dot after it.
    lines = payload.splitlines()
    if max(map(len, lines), default=0) > _MAX_LINE:
        return None
    return b"\r\n".join(lines) + b"\r\n"


def _stuffed(content: bytes) -> bytes:
    if isinstance(content, UndottedMail):
        return content
    if b"\n." in content:
        content = content.replace(b"\n.", b"\n..")
    return b"." + content if content.startswith(b".") else content
