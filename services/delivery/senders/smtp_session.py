"""Owns the way to a mail server that takes mail from us: greeting, EHLO, STARTTLS, AUTH (RFC 5321, 3207, 4954).

Never sends a message, and never a password where the account forbids it.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import re
import socket
import ssl
from dataclasses import dataclass

from services.delivery.senders.destination import Destinations, Origin
from services.delivery.senders.dialer import Dialer, DialError, reason_of
from services.delivery.senders.smtp_account import Security, SmtpAccount, trust_of
from services.delivery.senders.smtp_wire import Reply, Wire

# Where mail is handed in; elsewhere on the Internet an account would be a way to knock at doors in our name.
PORTS = frozenset({25, 465, 587, 2465, 2525, 2587})

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|[0-9A-Fa-f:.]{2,45}")
_UNKNOWN_COMMAND = (500, 502, 504)


class SessionError(Exception):
    """Raised when there is no session: `final` where trying again would be wrong, `reply` where the server gave one."""

    def __init__(self, reason: str, *, final: bool = False, reply: Reply | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a server announces (RFC 5321 §4.1.1.1)."""

    starttls: bool = False
    pipelining: bool = False
    eight_bit: bool = False
    size: bool = False
    max_size: int = 0  # bytes; 0 is no limit that is known
    mechanisms: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Session:
    """A connection over which messages may go."""

    wire: Wire
    abilities: Abilities


class Dialogue:
    """Question and answer, one at a time."""

    def __init__(self, *, timeout: float) -> None:
        self._timeout = timeout
        self._replies: asyncio.Queue[Reply | None] = asyncio.Queue()
        self.wire = Wire(self)

    def on_reply(self, reply: Reply) -> None:
        self._replies.put_nowait(reply)

    def on_end(self, reason: str) -> None:
        self._replies.put_nowait(None)

    async def ask(self, command: str) -> Reply:
        """Raises SessionError where no reply comes."""
        self.wire.write(command.encode() + b"\r\n")
        return await self.hear()

    async def hear(self) -> Reply:
        try:
            async with asyncio.timeout(self._timeout):
                reply = await self._replies.get()
        except TimeoutError:
            raise SessionError("RESPONSE_TIMEOUT") from None
        if reply is None:
            raise SessionError(self.wire.ended)
        return reply

    @property
    def is_silent(self) -> bool:
        """Whether nothing waits to be heard."""
        return self._replies.empty()


class Opener:
    """Opens sessions of one account."""

    def __init__(
        self, account: SmtpAccount, destinations: Destinations, *, connect_timeout: float, reply_timeout: float
    ) -> None:
        """Times in seconds: for each address of the host, for each reply."""
        self._account = account
        self._destinations = destinations
        self._connect_timeout = connect_timeout
        self._reply_timeout = reply_timeout

    async def open(self) -> Session:
        """Raises SessionError, nothing else."""
        dialogue = await self.connect()
        try:
            return await self.agree(dialogue)
        except BaseException:
            dialogue.wire.end("SESSION_REFUSED")
            raise

    async def connect(self) -> Dialogue:
        """A connection on which nothing was said yet. Raises SessionError."""
        account = self._account
        scheme = "smtps" if account.security is Security.IMPLICIT else "smtp"
        origin = Origin(scheme, account.host.lower(), account.port)
        if not _HOST.fullmatch(account.host):
            raise SessionError("HOST_INVALID", final=True)
        if account.port not in PORTS and not self._destinations.is_private(origin):
            raise SessionError("PORT_NOT_ALLOWED", final=True)
        dialer = Dialer(self._destinations, timeout=self._connect_timeout, tls=self._trust())
        try:
            wire = await dialer.open(origin, lambda: Dialogue(timeout=self._reply_timeout).wire)
        except DialError as problem:
            raise SessionError(problem.reason, final=problem.final) from problem
        assert isinstance(wire.listener, Dialogue)
        return wire.listener

    async def agree(self, dialogue: Dialogue) -> Session:
        """From the greeting to where mail may be handed in. Raises SessionError."""
        greeting = await dialogue.hear()
        if greeting.code != 220:
            raise SessionError("SMTP_GREETING_REFUSED", reply=greeting)
        abilities = await self._introduce(dialogue)
        if self._account.security is Security.STARTTLS:
            await self._secure(dialogue, abilities)
            abilities = await self._introduce(dialogue)  # what was announced in the clear counts for nothing
        if self._account.username:
            await self._authenticate(dialogue, abilities)
        if not dialogue.is_silent:
            raise SessionError("ANSWER_MALFORMED")
        return Session(dialogue.wire, abilities)

    def _trust(self) -> ssl.SSLContext:
        try:
            return trust_of(self._account.ca_certificates)
        except (ssl.SSLError, ValueError):
            raise SessionError("CA_CERTIFICATES_INVALID", final=True) from None

    async def _introduce(self, dialogue: Dialogue) -> Abilities:
        name = self._account.client_name or _own_name()
        if not _HOST.fullmatch(name.strip("[]")):
            raise SessionError("CLIENT_NAME_INVALID", final=True)
        reply = await dialogue.ask(f"EHLO {name}")
        if reply.is_positive:
            return read_abilities(reply.text)
        older = await dialogue.ask(f"HELO {name}") if reply.code in _UNKNOWN_COMMAND else reply
        if not older.is_positive:
            raise SessionError("SMTP_EHLO_REFUSED", reply=older)
        return Abilities()

    async def _secure(self, dialogue: Dialogue, abilities: Abilities) -> None:
        if not abilities.starttls:
            raise SessionError("SMTP_STARTTLS_NOT_OFFERED")
        reply = await dialogue.ask("STARTTLS")
        if reply.code != 220 or not dialogue.is_silent:
            raise SessionError("SMTP_STARTTLS_REFUSED", reply=reply)
        try:
            await dialogue.wire.secure(self._trust(), host=self._account.host, timeout=self._connect_timeout)
        except (OSError, TimeoutError) as problem:
            raise SessionError(reason_of(problem)) from problem

    async def _authenticate(self, dialogue: Dialogue, abilities: Abilities) -> None:
        if not dialogue.wire.is_secure and not self._account.allow_plaintext_auth:
            raise SessionError("SMTP_AUTH_NEEDS_TLS")
        if "PLAIN" in abilities.mechanisms:
            secret = f"\0{self._account.username}\0{self._account.password}"
            reply = await dialogue.ask(f"AUTH PLAIN {_base64(secret)}")
        elif "LOGIN" in abilities.mechanisms:
            reply = await self._login(dialogue)
        else:
            raise SessionError("SMTP_AUTH_NOT_OFFERED")
        if not reply.is_positive:
            raise SessionError("SMTP_AUTH_REFUSED" if reply.code >= 500 else "SMTP_AUTH_DEFERRED", reply=reply)

    async def _login(self, dialogue: Dialogue) -> Reply:
        reply = await dialogue.ask("AUTH LOGIN")
        for answer in (self._account.username, self._account.password):
            if reply.code != 334:
                break
            reply = await dialogue.ask(_base64(answer))
        return reply


def read_abilities(text: str) -> Abilities:
    """From the lines of a reply to EHLO; the first greets."""
    said = [line.upper().replace("=", " ").split() for line in text.split("\n")[1:]]  # `AUTH=LOGIN` is an old spelling
    words = {line[0]: line[1:] for line in said if line and line[0] != "AUTH"}
    size = words.get("SIZE", [])
    return Abilities(
        starttls="STARTTLS" in words,
        pipelining="PIPELINING" in words,
        eight_bit="8BITMIME" in words,
        size="SIZE" in words,
        max_size=int(size[0]) if size and size[0].isdecimal() and len(size[0]) < 20 else 0,
        mechanisms=frozenset(word for line in said if line and line[0] == "AUTH" for word in line[1:]),
    )


@functools.cache
def _own_name() -> str:
    name = socket.gethostname()
    return name if "." in name and _HOST.fullmatch(name) else "[127.0.0.1]"  # RFC 5321 §4.1.3: or an address literal


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
