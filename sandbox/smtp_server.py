"""Owns the sandbox's SMTP connections: commands in, replies out in order, pipelined or not (RFC 5321, RFC 2920).

Never decides a message's fate: it asks for one when the mail begins, and waits for it when the body is whole.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import ssl
from dataclasses import dataclass
from typing import Protocol, cast

from sandbox.faults import Fate

_MAX_LINE = 4_096  # bytes of a command
MAX_SIZE = 10 * 1024 * 1024  # bytes of a message
_MAX_RECIPIENTS = 100
_DOT = b".\r\n"  # a line of its own, it ends a body
_END = b"\r\n" + _DOT
_FROM = re.compile(rb"FROM:\s*<([^>]{0,999})(?:>(.*))?", re.IGNORECASE | re.DOTALL)
_TO = re.compile(rb"TO:\s*<([^>]{0,999})(?:>(.*))?", re.IGNORECASE | re.DOTALL)


@dataclass(slots=True)
class Mail:
    """One message as it was handed in."""

    mail_from: str
    recipients: list[str]
    body: bytes = b""  # as received, dots stuffed
    fate: Fate = Fate.SERVED


class Postmaster(Protocol):
    """Whoever decides about mail."""

    def refuse_mail(self, mail: Mail) -> bytes:
        """A reply that refuses MAIL, empty where it is taken; 421 also ends the connection."""
        ...

    def refuse_recipient(self, mail: Mail, recipient: str) -> bytes:
        """A reply that refuses RCPT, empty where it is taken."""
        ...

    def receive(self, mail: Mail, connection: SmtpConnection) -> None:
        """Must be followed by one `reply` or `drop` of the connection, now or later."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What the server asks for and offers."""

    tls: ssl.SSLContext | None = None  # offers STARTTLS
    username: str = ""  # asks for AUTH
    password: str = ""


class SmtpConnection(asyncio.Protocol):
    """One client."""

    def __init__(self, postmaster: Postmaster, terms: Terms) -> None:
        self._postmaster = postmaster
        self._terms = terms
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._searched = 0  # bytes of the buffer in which no end of a body is
        self._out: list[bytes] = []
        self._mail: Mail | None = None
        self._in_body = False
        self._waiting = False  # for the reply to a body
        self._going = False
        self._secure = False
        self._login: list[str] | None = None  # the words of an AUTH under way
        self._authenticated = not terms.username
        self._commands = {
            b"MAIL": self._on_mail,
            b"RCPT": self._on_rcpt,
            b"DATA": self._on_data,
            b"EHLO": self._on_ehlo,
            b"HELO": self._on_helo,
            b"RSET": self._on_rset,
            b"NOOP": self._on_noop,
            b"QUIT": self._on_quit,
            b"AUTH": self._on_auth,
            b"STARTTLS": self._on_starttls,
        }

    # What the postmaster calls.

    def reply(self, reply: bytes) -> None:
        """Answer the body that was handed over; 421 also ends the connection."""
        self._waiting = False
        self._pass_on(reply)
        if not self._going:
            self._go_on()

    def drop(self) -> None:
        """End the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"220 sandbox.invalid takes any mail and delivers none\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._waiting:
            self._go_on()
        elif len(self._buffer) > MAX_SIZE:
            self.drop()

    def _go_on(self) -> None:
        """Take from the buffer whatever is whole, then answer all of it with one write."""
        at, self._going = 0, True
        while self._transport is not None and not self._waiting:
            buffer = self._buffer
            if self._in_body:
                ended = self._body_end(at)
                if not ended:
                    break
                body, at, self._searched = buffer[at : ended - len(_DOT)], ended, 0
                self._hand_over(body)
            else:
                ended = buffer.find(b"\r\n", at)
                if ended < 0:
                    break
                line, at = buffer[at:ended], ended + 2
                self._command(line)
        self._going = False
        self._buffer = self._buffer[at:]
        if len(self._buffer) > (MAX_SIZE if self._in_body else _MAX_LINE) and not self._waiting:
            self._say(b"500 5.5.2 that was too long")
            self._close()
        self._flush()

    def _body_end(self, at: int) -> int:
        if self._buffer.startswith(_DOT, at):
            return at + len(_DOT)
        found = self._buffer.find(_END, max(at, at + self._searched - len(_END)))
        self._searched = len(self._buffer) - at
        return found + len(_END) if found >= 0 else 0

    def _hand_over(self, body: bytes) -> None:
        mail, self._mail, self._in_body = self._mail, None, False
        assert mail is not None
        mail.body = body
        if not mail.recipients:
            return self._say(b"554 5.5.1 to nobody")
        if len(body) > MAX_SIZE:
            return self._say(b"552 5.3.4 too large")
        self._waiting = True
        self._flush()
        self._postmaster.receive(mail, self)

    # Commands.

    def _command(self, line: bytes) -> None:
        if self._login is not None:
            return self._more_auth(line)
        verb, _, argument = line.partition(b" ")
        command = self._commands.get(verb.upper())
        if command is None:
            return self._say(b"500 5.5.1 unknown command")
        command(argument)

    def _on_ehlo(self, argument: bytes) -> None:
        self._mail = None
        offers = [b"sandbox.invalid", b"PIPELINING", b"8BITMIME", b"SIZE %d" % MAX_SIZE, b"ENHANCEDSTATUSCODES"]
        if self._terms.tls is not None and not self._secure:
            offers.append(b"STARTTLS")
        if self._terms.username and (self._secure or self._terms.tls is None):
            offers.append(b"AUTH PLAIN LOGIN")
        self._say(b"\r\n".join([b"250-" + offer for offer in offers[:-1]] + [b"250 " + offers[-1]]))

    def _on_helo(self, argument: bytes) -> None:
        self._mail = None
        self._say(b"250 sandbox.invalid")

    def _on_mail(self, argument: bytes) -> None:
        if not self._authenticated:
            return self._say(b"530 5.7.0 who are you?")
        if self._mail is not None:
            return self._say(b"503 5.5.1 one mail at a time")
        address, parameters = _path(argument, _FROM)
        if address is None:
            return self._say(b"501 5.5.4 MAIL FROM:<address>")
        for parameter in parameters:
            name, _, value = parameter.upper().partition(b"=")
            if name == b"SIZE" and value.isdigit() and int(value[:20]) > MAX_SIZE:
                return self._say(b"552 5.3.4 too large")
        mail = Mail(address, [])
        if refusal := self._postmaster.refuse_mail(mail):
            return self._pass_on(refusal)
        self._mail = mail
        self._say(b"250 2.1.0 ok")

    def _on_rcpt(self, argument: bytes) -> None:
        if self._mail is None:
            return self._say(b"503 5.5.1 MAIL first")
        address, _ = _path(argument, _TO)
        if not address:
            return self._say(b"501 5.1.3 RCPT TO:<address>")
        if len(self._mail.recipients) >= _MAX_RECIPIENTS:
            return self._say(b"452 4.5.3 too many recipients")
        if refusal := self._postmaster.refuse_recipient(self._mail, address):
            return self._pass_on(refusal)
        self._mail.recipients.append(address)
        self._say(b"250 2.1.5 ok")

    def _on_data(self, argument: bytes) -> None:
        if self._mail is None or not self._mail.recipients:
            return self._say(b"503 5.5.1 RCPT first")
        self._in_body = True
        self._say(b"354 end with a dot on a line of its own")

    def _on_rset(self, argument: bytes) -> None:
        self._mail = None
        self._say(b"250 2.0.0 ok")

    def _on_noop(self, argument: bytes) -> None:
        self._say(b"250 2.0.0 ok")

    def _on_quit(self, argument: bytes) -> None:
        self._say(b"221 2.0.0 bye")
        self._close()

    # TLS and AUTH.

    def _on_starttls(self, argument: bytes) -> None:
        tls, transport = self._terms.tls, self._transport
        if tls is None or self._secure or transport is None:
            return self._say(b"502 5.5.1 no TLS here")
        self._say(b"220 2.0.0 go")
        self._flush()
        self._buffer, self._waiting = b"", True  # what was said in the clear behind it counts for nothing
        task = asyncio.get_running_loop().create_task(self._turn_to_tls(transport, tls))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _turn_to_tls(self, transport: asyncio.Transport, tls: ssl.SSLContext) -> None:
        self._transport = await asyncio.get_running_loop().start_tls(transport, self, tls, server_side=True)
        self._secure, self._waiting, self._mail = True, False, None
        self._go_on()

    def _on_auth(self, argument: bytes) -> None:
        mechanism, _, first = argument.partition(b" ")
        if not self._terms.username:
            return self._say(b"503 5.5.1 nobody asks who you are")
        if mechanism.upper() == b"PLAIN" and first:
            return self._judge(_decoded(first).split("\0")[1:])
        if mechanism.upper() == b"LOGIN":
            self._login = []
            return self._say(b"334 VXNlcm5hbWU6")
        self._say(b"504 5.5.4 PLAIN or LOGIN")

    def _more_auth(self, line: bytes) -> None:
        assert self._login is not None
        self._login.append(_decoded(line))
        if len(self._login) < 2:
            return self._say(b"334 UGFzc3dvcmQ6")
        words, self._login = self._login, None
        self._judge(words)

    def _judge(self, words: list[str]) -> None:
        self._authenticated = words == [self._terms.username, self._terms.password]
        self._say(b"235 2.7.0 welcome" if self._authenticated else b"535 5.7.8 that is not who you are")

    # Replies.

    def _say(self, reply: bytes) -> None:
        self._out.append(reply)

    def _pass_on(self, reply: bytes) -> None:
        """What the postmaster says."""
        self._out.append(reply)
        if reply.startswith(b"421"):
            self._close()

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            self._out.append(b"")
            self._transport.write(b"\r\n".join(self._out))
        self._out = []

    def _close(self) -> None:
        self._flush()
        if self._transport is not None:
            self._transport.close()
            self._transport = None


def _path(argument: bytes, form: re.Pattern[bytes]) -> tuple[str | None, list[bytes]]:
    """The address of `FROM:<address> PARAMETERS`, None where it is none, and the parameters."""
    found = form.fullmatch(argument.rstrip())
    if found is None:
        return None, []
    path, parameters = found.groups(b"")
    return path.decode("utf-8", "replace"), parameters.split()


def _decoded(word: bytes) -> str:
    try:
        return base64.b64decode(word, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        return ""
