"""Owns what the tests of email stand on: a mail server on loopback that says what it is told to, and a journal."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from services.delivery.senders.sender import Message
from services.delivery.senders.smtp import EmailAddress, Security, SmtpAccount, SmtpSender

DROP = "DROP"  # the connection is cut instead of a reply
SILENCE = "SILENCE"  # no reply ever comes
KEEP_AND_DROP = "KEEP_AND_DROP"  # the message is kept, and the connection cut instead of a reply

Split = Callable[[bytes], Iterable[bytes]]


@dataclass(frozen=True)
class Kept:
    """One message that this server has taken, or would have but for its reply."""

    mail_from: str
    recipients: tuple[str, ...]
    body: bytes  # as written by whoever composed it: dots unstuffed


@dataclass
class MailServer:
    """`async with MailServer(replies={"RCPT": ["550 5.1.1 nobody"]}) as server`.

    The replies of a verb are taken in turn, then it says yes. BODY comes after the dot,
    GREETING before all.
    """

    replies: dict[str, list[str]] = field(default_factory=dict)
    announces: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SIZE 1000000")
    announces_when_secure: tuple[str, ...] | None = None
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    split: Split = lambda data: (data,)
    drops_after: int = -1  # bytes of answers on a connection, then it is cut; -1 never
    kept: list[Kept] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    groups: list[list[str]] = field(default_factory=list)  # commands that came in one read
    connections: int = 0
    open: int = 0
    most_open: int = 0
    port: int = 0
    violations: list[str] = field(default_factory=list)

    async def __aenter__(self) -> MailServer:
        self._writers: set[asyncio.StreamWriter] = set()
        self._visits: set[asyncio.Task[None]] = set()
        self._left = {verb: list(replies) for verb, replies in self.replies.items()}
        tls = self.tls if self.implicit else None
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls, backlog=1024, limit=1 << 22)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *problem: object) -> None:
        self._server.close()
        self.hang_up()
        for task in self._visits:
            task.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.current_task()
        assert visit is not None
        self._visits.add(visit)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self._writers.add(writer)
        try:
            await _Visit(self, reader, writer).serve()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass  # a task of a stream that ends by cancellation would be reported as an error
        finally:
            self._visits.discard(visit)
            self.open -= 1
            writer.close()

    def say(self, verb: str, otherwise: str) -> str:
        left = self._left.get(verb)
        return left.pop(0) if left else otherwise


class _Cut(ConnectionError):
    pass


class _Visit:
    """One connection."""

    def __init__(self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._buffer = b""
        self._written = 0
        self._secure = server.implicit
        self._mail_from: str | None = None
        self._recipients: list[str] = []

    async def serve(self) -> None:
        await self._answer(self._server.say("GREETING", "220 here"))
        while True:
            line = await self._line()
            if not await self._command(line):
                return

    async def _line(self) -> str:
        while b"\r\n" not in self._buffer:
            await self._read()
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line.decode()

    async def _read(self) -> None:
        data = await self._reader.read(1 << 20)
        if not data:
            raise _Cut
        self._buffer += data
        self._server.groups.append([part.split(b" ")[0].decode() for part in data.split(b"\r\n") if part.strip()])

    async def _command(self, line: str) -> bool:
        server, verb = self._server, line.split(" ")[0].split(":")[0].upper()
        server.commands.append(line)
        if self._buffer and "PIPELINING" not in server.announces:
            server.violations.append(f"something came behind {line}")
        if verb == "EHLO":
            more = server.announces_when_secure if self._secure and server.announces_when_secure else server.announces
            lines = ["here", *more]
            said = "\r\n".join(f"250{'-' if at < len(lines) - 1 else ' '}{each}" for at, each in enumerate(lines))
            await self._answer(server.say("EHLO", said))
        elif verb == "STARTTLS":
            await self._starttls()
        elif verb == "AUTH":
            await self._auth(line)
        elif verb == "MAIL":
            said = server.say("MAIL", "250 ok" if self._mail_from is None else "503 nested MAIL")
            if said.startswith("2"):
                self._mail_from = line.split("<")[1].split(">")[0]
            await self._answer(said)
        elif verb == "RCPT":
            said = server.say("RCPT", "250 ok" if self._mail_from is not None else "503 MAIL first")
            if said.startswith("2"):
                self._recipients.append(line.split("<")[1].split(">")[0])
            await self._answer(said)
        elif verb == "DATA":
            await self._data()
        elif verb == "RSET":
            self._forget()
            await self._answer(server.say("RSET", "250 ok"))
        elif verb == "QUIT":
            await self._answer(server.say("QUIT", "221 bye"))
            return False
        else:
            await self._answer(server.say(verb, "250 ok"))
        return True

    async def _data(self) -> None:
        server = self._server
        said = server.say("DATA", "354 go" if self._recipients else "503 RCPT first")
        await self._answer(said)
        if not said.startswith("354"):
            return
        while b"\r\n.\r\n" not in b"\r\n" + self._buffer:
            await self._read()
        body, self._buffer = (b"\r\n" + self._buffer).split(b"\r\n.\r\n", 1)
        said = server.say("BODY", "250 kept" if self._recipients else "554 nobody")
        if self._recipients and (said.startswith("2") or said == KEEP_AND_DROP):
            text = body[2:].replace(b"\r\n..", b"\r\n.")
            text = text[1:] if text.startswith(b"..") else text
            server.kept.append(Kept(self._mail_from or "", tuple(self._recipients), text + b"\r\n"))
        self._forget()
        await self._answer(said)

    def _forget(self) -> None:
        self._mail_from, self._recipients = None, []

    async def _starttls(self) -> None:
        await self._answer(self._server.say("STARTTLS", "220 go"))
        assert self._server.tls is not None
        plain = self._writer.transport
        await self._writer.start_tls(self._server.tls)
        if self._writer.transport is None:  # uvloop's way of saying that it failed
            self._writer._transport = plain
            raise _Cut
        self._secure = True

    async def _auth(self, line: str) -> None:
        server = self._server
        if line.split(" ")[1] == "LOGIN":
            await self._answer("334 VXNlcm5hbWU6")
            name = base64.b64decode(await self._line()).decode()
            await self._answer("334 UGFzc3dvcmQ6")
            word = base64.b64decode(await self._line()).decode()
        else:
            _, name, word = base64.b64decode(line.split(" ")[2]).decode().split("\0")
        good = (name, word) == ("somebody", "a secret")
        await self._answer(server.say("AUTH", "235 welcome" if good else "535 5.7.8 no"))

    async def _answer(self, said: str) -> None:
        if said in (DROP, KEEP_AND_DROP):
            self._writer.transport.abort()
            raise _Cut
        if said == SILENCE:
            await asyncio.sleep(3600)
        data = said.encode() + b"\r\n"
        left = self._server.drops_after - self._written
        if self._server.drops_after >= 0 and len(data) > left:
            self._writer.write(data[: max(left, 0)])
            self._writer.close()
            raise _Cut
        self._written += len(data)
        for part in self._server.split(data):
            if self._writer.is_closing():
                raise _Cut
            self._writer.write(part)
            await asyncio.sleep(0)


def always() -> bool:
    return True


def an_account(server: MailServer, **settings: Any) -> SmtpAccount:
    return SmtpAccount(**{"host": "127.0.0.1", "port": server.port, "security": Security.PLAIN, **settings})


def a_sender(server: MailServer, *, account: SmtpAccount | None = None, **settings: Any) -> SmtpSender:
    return SmtpSender(
        account or an_account(server), allowed_private_hosts=(server.host, f"localhost:{server.port}"), **settings
    )


def an_email(position: int = 0, *, to: str = "", body: bytes = b"Subject: Hello\r\n\r\nHello.\r\n") -> Message:
    address = EmailAddress("news@example.com", to or f"p{position}@example.net")
    return Message(position, position.to_bytes(16), address, body)


def emails(count: int) -> list[Message]:
    return [an_email(position) for position in range(count)]
