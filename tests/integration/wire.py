"""Owns a wire that can fail: a TCP relay in front of a server, which a test cuts where it hurts."""

from __future__ import annotations

import asyncio

SIZE = 65536


class Wire:
    """Carries bytes to `host:port` and back, until told otherwise."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = host, int(port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._losing: tuple[bytes, bytes] | None = None
        self._seconds: float | None = None  # how late the answer comes; None: never
        self._down = False
        self.lost = 0  # answers that were made and never arrived

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        """Where this end of the wire is."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def lose_answer_to(self, request: bytes, *, after: bytes = b"") -> None:
        """The next request that contains these bytes arrives; its answer does not, and the connection is over.

        Only on a connection on which `after` has been said since now.
        """
        self._losing, self._seconds = (after, request), None

    def delay_answer_to(self, request: bytes, *, after: bytes = b"", seconds: float) -> None:
        """The same, but the answer arrives so much later."""
        self._losing, self._seconds = (after, request), seconds

    def cut(self) -> None:
        """Break every connection; later ones break at once."""
        self._down = True
        for writer in set(self._writers):
            writer.transport.abort()

    def heal(self) -> None:
        """Carry again."""
        self._down = False

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        if self._down:
            writer.transport.abort()
            return
        there_reader, there_writer = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, there_writer}
        losing = asyncio.Event()
        try:
            await asyncio.gather(
                self._there(reader, there_writer, losing),
                self._back(there_reader, writer, losing),
                return_exceptions=True,
            )
        finally:
            for end in (writer, there_writer):
                self._writers.discard(end)
                end.transport.abort()

    async def _there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        heard = False
        while data := await reader.read(SIZE):
            if self._losing is not None:
                after, request = self._losing
                heard = heard or after in data
                if heard and request in data:
                    self._losing = None
                    losing.set()
            writer.write(data)
            await writer.drain()
        writer.close()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        while data := await reader.read(SIZE):
            if losing.is_set() and self._seconds is None:
                self.lost += 1
                writer.transport.abort()
                return
            if losing.is_set():
                losing.clear()
                await asyncio.sleep(self._seconds or 0.0)
            writer.write(data)
            await writer.drain()
        writer.close()
