"""A process that sends one push and prints what came of it: `python -m …frozen_sender HOST asyncio|uvloop`.

Its parent stops it while the answer is on its way.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from tests.unit.services.delivery.senders.loopback import a_message, a_sender, always
from tests.unit.services.delivery.senders.notes import Notes


async def _send(host: str) -> None:
    sender = a_sender(host, response_timeout=0.2)
    (answer,) = await sender.send([a_message(f"http://{host}/push/x")], may_start=always, journal=Notes())
    print(answer.kind.name, answer.reason)
    await sender.close()


if __name__ == "__main__":
    run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
    run(_send(sys.argv[1]))
