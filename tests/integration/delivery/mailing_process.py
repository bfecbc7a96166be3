"""Owns one delivery process of its own, to be killed by a real signal: `python -m … <database> <directory> <provider>`.

Its provider honours no keys and has ten connections; a body is one line, its answer another.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from services.delivery import janitor
from services.delivery.senders.sender import Answer, AnswerKind, Journal, Message
from services.delivery.senders.web_push import PushAddress
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from tests.integration.delivery.outside_world import Call, OutsideWorld, ScriptedSender

CONNECTIONS = 10


class MailProvider:
    """The other end: takes a line, writes it into the world's ledger, answers after a moment."""

    def __init__(self, world: OutsideWorld, *, seconds: float) -> None:
        self._world = world
        self._seconds = seconds
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> MailProvider:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                message_id, to = line.decode().split()
                at = SystemClock().boot_seconds()
                self._world.ledger.append(Call(bytes.fromhex(message_id), to, at, delivered=True))
                await asyncio.sleep(self._seconds)
                writer.write(b"250\n")
        writer.close()


class MailSender:
    """A JournallingSender that speaks to it."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def send(
        self, messages: Sequence[Message], *, may_start: Callable[[], bool], journal: Journal
    ) -> list[Answer]:
        """Over all connections at once."""
        waiting = iter(messages)
        parts = await asyncio.gather(*(self._connection(waiting, may_start, journal) for _ in range(CONNECTIONS)))
        return list(itertools.chain(*parts))

    async def _connection(
        self, waiting: Iterator[Message], may_start: Callable[[], bool], journal: Journal
    ) -> list[Answer]:
        answers: list[Answer] = []
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for message in waiting:
            if not may_start():
                answers.append(Answer(message.position, AnswerKind.NOT_STARTED, 0, "", time.time()))
                continue
            assert isinstance(message.address, PushAddress)
            journal.attempting(message.position)
            writer.write(f"{message.message_id.hex()} {message.address.url}\n".encode())
            code = int(await reader.readline())
            journal.answered(message.position, AnswerKind.ACCEPTED, code)
            answers.append(Answer(message.position, AnswerKind.ACCEPTED, code, "", time.time()))
        writer.close()
        return answers

    async def close(self) -> None:
        """Nothing stays open."""


async def _main(database: str, directory: str, port: str) -> None:
    from tests.integration.delivery.delivery_process import DeliveryProcess

    janitor.ROUND_SECONDS = 0.1
    process = DeliveryProcess(
        Database(database, process="mailing"),
        OutsideWorld(),
        Path(directory),
        claim_size=100,
        sender=cast(ScriptedSender, MailSender(int(port))),
    )
    await process.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
