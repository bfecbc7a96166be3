"""Owns the bytes of one email: a skeleton made once per run, and what is spliced into it per person (RFC 5322, 2045).

Never renders a template, never opens a connection. Nothing that is spliced in can begin a header: what is no mailbox
and no printable line does not reach one.
"""

from __future__ import annotations

import email.utils
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from services.delivery.body_encoding import UndottedBody
from services.delivery.domain.message_identity import spell_message_id
from services.delivery.header_encoding import encode_header
from services.delivery.senders.smtp_data import CanonicalMail, UndottedMail, is_mailbox

_UNDISCLOSED = b"undisclosed-recipients:;"  # RFC 5322 §3.4: a group without members
_TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"
_HTML = b"Content-Type: text/html; charset=utf-8\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailHead:
    """What all emails of a run have in common."""

    from_email: str
    from_name: str = ""
    reply_to: str = ""  # the sender where empty
    campaign: str = ""  # as callers spell it; in X-Carillon-Campaign
    unsubscribe_url: str = ""  # what the token is appended to, `https://…/u/`; empty: no List-Unsubscribe
    has_text: bool = True
    has_html: bool = True


class EmailSkeleton:
    """Makes the emails of one run."""

    def __init__(self, head: EmailHead) -> None:
        """Raises ValueError where an address is none, a name is no single line, or there is no body at all."""
        for address in (head.from_email, head.reply_to or head.from_email):
            if not is_mailbox(address):
                raise ValueError(f"{address!r} is not an email address")
        if not (head.has_text or head.has_html):
            raise ValueError("an email has a text, an HTML body or both")
        if not (head.from_name + head.campaign + head.unsubscribe_url).isprintable():
            raise ValueError("a name is one line of printable characters")
        self._head = _constant_headers(head)
        self._domain = head.from_email.rpartition("@")[2].encode()
        self._unsubscribe = head.unsubscribe_url.encode("ascii")
        self._has_text, self._has_html = head.has_text, head.has_html
        boundary = b"=_" + secrets.token_hex(16).encode()  # `=_` is in no quoted-printable and in no base64
        self._alternative = b'Content-Type: multipart/alternative; boundary="%b"\r\n\r\n' % boundary
        self._next, self._end = b"--%b\r\n" % boundary, b"--%b--\r\n" % boundary
        self._second, self._date = 0, b""

    def build(
        self,
        *,
        message_id: bytes,
        to: str,
        subject: str,
        text: bytes = b"",
        html: bytes = b"",
        unsubscribe_token: bytes = b"",
    ) -> CanonicalMail:
        """The whole message with CRLF; `text` and `html` are encoded (see body_encoding.py). `to` that is no mailbox
        stays out of it (the sender refuses that message)."""
        head = b"%bDate: %b\r\nMessage-ID: <%b@%b>\r\nTo: %b\r\nSubject: %b\r\n%b" % (
            self._head,
            self._today(),
            spell_message_id(message_id).encode(),
            self._domain,
            to.encode() if is_mailbox(to) else _UNDISCLOSED,
            encode_header(subject),
            self._list_unsubscribe(unsubscribe_token),
        )
        if not self._has_html:
            return _kind(text)(head + _TEXT + text)
        if not self._has_text:
            return _kind(html)(head + _HTML + html)
        parts = (head, self._alternative, self._next, _TEXT, text, self._next, _HTML, html, self._end)
        return _kind(text, html)(b"".join(parts))

    def _list_unsubscribe(self, token: bytes) -> bytes:
        if not (self._unsubscribe and token):
            return b""
        return b"List-Unsubscribe: <%b%b>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" % (
            self._unsubscribe,
            token,
        )

    def _today(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, _date(second)
        return self._date


def _kind(*bodies: bytes) -> type[CanonicalMail]:
    for body in bodies:
        if not isinstance(body, UndottedBody):
            return CanonicalMail
    return UndottedMail


def _date(second: int) -> bytes:
    return email.utils.format_datetime(datetime.fromtimestamp(second, UTC)).encode()


def _constant_headers(head: EmailHead) -> bytes:
    lines = [b"MIME-Version: 1.0", b"From: " + _with_name(head.from_name, head.from_email)]
    if head.reply_to:
        lines.append(b"Reply-To: " + head.reply_to.encode())
    if head.campaign:
        lines.append(b"X-Carillon-Campaign: " + encode_header(head.campaign))
    return b"".join(line + b"\r\n" for line in lines)


def _with_name(name: str, address: str) -> bytes:
    if not name:
        return address.encode()
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    # Encoded words stand outside quotes (RFC 2047 §5); `=?` in quotes would be shown as it is written, which is right.
    shown = b'"%b"' % escaped.encode() if name.isascii() else encode_header(name)
    return b"%b <%b>" % (shown, address.encode())
