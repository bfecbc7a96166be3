"""Owns the bytes of one SMTP connection: what is written leaves at once, what comes is cut into replies.

Never knows which command a reply belongs to.
"""

from __future__ import annotations

import asyncio
import functools
import re
import select
import ssl
from typing import NamedTuple, Protocol, cast

_CODE = re.compile(rb"[2-5][0-9][0-9]")  # RFC 5321 §4.2.1
_MAX_LINE = 4_096  # bytes; RFC 5321 §4.5.3.1.5 says 512
_MAX_LINES = 128  # of one reply


class Reply(NamedTuple):
    """A whole reply, however many lines it had (RFC 5321 §4.2)."""

    code: int
    text: str  # lines are parted by \n

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 300


class Listener(Protocol):
    """Whoever is told of the replies."""

    def on_reply(self, reply: Reply) -> None: ...

    def on_end(self, reason: str) -> None:
        """No reply comes any more. Called once."""
        ...


class Wire(asyncio.Protocol):
    """One connection; whoever listens may hand over to another between two replies."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._lines: list[str] = []
        self._ended = ""

    @property
    def is_closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    @property
    def is_secure(self) -> bool:
        return self._transport is not None and self._transport.get_extra_info("ssl_object") is not None

    @property
    def ended(self) -> str:
        """Why it is over; empty while it is not."""
        return self._ended

    def write(self, data: bytes) -> bool:
        """Whether it may have left: False only where not a byte has."""
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(data)
        return not self._transport.is_closing() or self.is_secure  # of a plain one the only system call has failed

    def is_readable(self) -> bool:
        """Whether something has come that was not read yet, the end included."""
        if self._transport is None or self._transport.is_closing():
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    async def secure(self, trust: ssl.SSLContext, *, host: str, timeout: float) -> None:
        """Turn to TLS. Raises OSError (ssl.SSLError too), TimeoutError."""
        if self._transport is None or self._rest or self._lines:
            raise ConnectionError("something was said in the clear after STARTTLS was granted")
        async with asyncio.timeout(timeout):
            secured = await self._loop.start_tls(self._transport, self, trust, server_hostname=host)
        if secured is None:
            raise ConnectionError("the connection was lost")
        self._use(secured)

    def end(self, reason: str) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
        if not self._ended:
            self._ended = reason
            self.listener.on_end(reason)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._use(cast(asyncio.Transport, transport))

    def _use(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(high=0)  # uvloop then writes at once instead of at the end of its turn

    def connection_lost(self, exc: Exception | None) -> None:
        self.end("CONNECTION_LOST")

    def data_received(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n") if self._rest else data.split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if self._ended:
                return
            self._line(line)
        if len(self._rest) > _MAX_LINE:
            self.end("ANSWER_MALFORMED")

    def _line(self, line: bytes) -> None:
        read = _read(line)
        if read is None:
            return self.end("ANSWER_MALFORMED")
        reply, is_last = read
        if is_last and not self._lines:
            return self.listener.on_reply(reply)
        self._lines.append(reply.text)
        if is_last:
            text, self._lines = "\n".join(self._lines), []
            self.listener.on_reply(Reply(reply.code, text))
        elif len(self._lines) > _MAX_LINES:
            self.end("ANSWER_TOO_LARGE")


@functools.lru_cache(maxsize=256)  # three of the four lines that a message gets are the same each time
def _read(line: bytes) -> tuple[Reply, bool] | None:
    """What a line says, and whether it is its reply's last; None where it is no line of a reply."""
    more = line[3:4]
    if not _CODE.fullmatch(line[:3]) or more not in b"- \r" or len(line) > _MAX_LINE:
        return None
    return Reply(int(line[:3]), line[4:].rstrip(b"\r").decode("utf-8", "replace")), more != b"-"
