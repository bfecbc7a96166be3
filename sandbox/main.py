"""Owns the sandbox process: wires its parts, listens, and ends at SIGTERM.

Never holds anything that a kill would lose: every accepted call is in the ledger before its answer.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys

import uvloop

from sandbox import batches, push_decryption
from sandbox import settings as environment
from sandbox.batches import BatchEndpoint
from sandbox.faults import Dice
from sandbox.http_server import Connection
from sandbox.ledger import Ledger
from sandbox.messages import Channel, Messages
from sandbox.push import CHANNEL as PUSH
from sandbox.push import PushService
from sandbox.records import Record
from sandbox.routes import Routes
from sandbox.settings import InvalidSettings, Settings
from sandbox.subscriptions import Subscriptions

_BACKLOG = 1_024


class Sandbox:
    """The wired parts of one data directory."""

    def __init__(self, settings: Settings) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        self._subscriptions = Subscriptions(settings.data)
        self._ledger = Ledger(settings.data / "messages.log")
        dice = Dice()
        push = PushService(self._subscriptions, self._ledger, dice)
        channels = {
            PUSH: Channel("push", self._read_push),
            batches.CHANNEL: Channel("http", batches.content),
        }
        self._messages = Messages(self._ledger, channels)
        self.routes = Routes(
            push=push,
            endpoint=BatchEndpoint(self._ledger, dice),
            subscriptions=self._subscriptions,
            ledger=self._ledger,
            messages=self._messages,
            dice=dice,
        )

    def _read_push(self, record: Record) -> dict[str, object]:
        return push_decryption.notification(record.body, self._subscriptions.keys(record.to))

    async def listen(self, settings: Settings) -> asyncio.Server:
        """Raises OSError where the port is taken."""
        accept = functools.partial(Connection, self.routes.handle)
        loop = asyncio.get_running_loop()
        return await loop.create_server(accept, settings.host, settings.port, backlog=_BACKLOG)

    def close(self) -> None:
        self._messages.close()
        self._ledger.close()
        self._subscriptions.close()


async def _serve(settings: Settings) -> None:
    sandbox = Sandbox(settings)
    server = await sandbox.listen(settings)
    port = server.sockets[0].getsockname()[1]
    print(f"The sandbox listens on http://{settings.host}:{port}", flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    server.close()
    sandbox.close()


def main() -> None:
    try:
        settings = environment.read(os.environ)
    except InvalidSettings as problems:
        sys.exit(str(problems))
    try:
        uvloop.run(_serve(settings))
    except OSError as problem:
        sys.exit(f"The sandbox cannot start: {problem}")


if __name__ == "__main__":
    main()
