"""Owns measuring what a pause and a resume mean without faults: the last and the first start of a call after them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.e2e.books import ENDED, check_equal, push, read_books, wait_until_ended
from tools.client import Client
from tools.workspace import Workspace

PAUSES = 100
PEOPLE = 20_000
SLOWLY = {"delay_ms": 100}  # about 300 messages a second, so that the campaign outlives the pauses
SENDING_SECONDS, HELD_SECONDS = 0.4, 0.7


@dataclass(frozen=True)
class Pauses:
    """Seconds, one for each pause and resume."""

    last_start: list[float]  # after a pause's answer; 0 where nothing started any more
    first_start: list[float]  # after a resume's answer


async def measure(described: Mapping[str, Any], workspace: Workspace) -> Pauses:
    """Pause and resume one campaign many times, and ask the push service when calls started."""
    async with (
        Client(described["dialects"]["reachbell"], workspace.key_header) as reachbell,
        Client(described["native"], workspace.key_header) as native,
        Client(described["sandbox"]) as sandbox,
    ):
        await sandbox.call("PUT", "/faults", SLOWLY)
        campaign = (await reachbell.call("POST", "/campaigns", push(workspace)))["id"]
        holds = await _hold_often(native, f"/v1/projects/{workspace.project}/campaigns/{campaign}")
        assert (await reachbell.call("GET", f"/campaigns/{campaign}"))["status"] not in ENDED, "it ended too early"
        await sandbox.call("DELETE", "/faults")
        await wait_until_ended(reachbell, campaign, seconds=60)
    books = await read_books(described, workspace, campaign)
    check_equal(books, sent=PEOPLE)
    starts = sorted(datetime.fromisoformat(line["at"]).timestamp() for line in books.ledger)
    last = [max((start - held for start in starts if held <= start < asked), default=0.0) for held, asked, _ in holds]
    first = [min(start for start in starts if start >= asked) - resumed for _, asked, resumed in holds]
    return Pauses(last, [max(seconds, 0.0) for seconds in first])


async def _hold_often(native: Client, name: str) -> list[tuple[float, float, float]]:
    """When each pause was answered, when its resume was asked for and answered; UNIX seconds."""
    holds = []
    for _ in range(PAUSES):
        await asyncio.sleep(SENDING_SECONDS)
        await native.call("POST", f"{name}:pause", {})
        held = time.time()
        await asyncio.sleep(HELD_SECONDS)
        asked = time.time()
        await native.call("POST", f"{name}:resume", {})
        holds.append((held, asked, time.time()))
    return holds
