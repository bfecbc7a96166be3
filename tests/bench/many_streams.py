"""Owns measuring many progress streams of one campaign: how long between events, what each costs.

A client that stops reading has a socket with a small buffer, and takes nothing from it after its request.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from tests.bench.processes import python_processes
from tests.e2e.books import push
from tests.streams.listening import Event, Listener
from tools.client import Client
from tools.workspace import Workspace

STREAMS = 500
STALLED = 100
SLOWLY = {"delay_ms": 100}  # so that the numbers change for a while, and evenly
SETTLE_SECONDS = 3.0
WATCHED = ("gateway", "analytics")


@dataclass(frozen=True)
class Streams:
    """Seconds between events while the numbers changed; kilobytes that each open stream cost, by process."""

    gaps: Sequence[float]
    kilobytes: Mapping[str, float]
    events: int
    ended: int
    megabytes_at_the_end: Mapping[str, float]


async def measure(described: Mapping[str, Any], workspace: Workspace, *, stalled: int = 0) -> Streams:
    """Open them all on one campaign, let it be sent, and wait for their ends."""
    async with Client(described["sandbox"]) as sandbox:
        await sandbox.call("PUT", "/faults", SLOWLY)
        try:
            return await _measure(described, workspace, stalled)
        finally:
            await sandbox.call("DELETE", "/faults")


async def _measure(described: Mapping[str, Any], workspace: Workspace, stalled: int) -> Streams:
    listener = Listener(described, workspace)
    async with Client(described["dialects"]["reachbell"], workspace.key_header) as client:
        campaign = (await client.call("POST", "/campaigns", push(workspace)))["id"]
    await _listen_a_moment(listener, campaign)
    before = memory(described)
    async with _stalled(described, workspace, campaign, stalled):
        listening = [asyncio.create_task(_all(listener, campaign)) for _ in range(STREAMS)]
        await asyncio.sleep(SETTLE_SECONDS)
        opened = memory(described)
        heard = await asyncio.gather(*listening)
        after = memory(described)
    open_streams = STREAMS + stalled
    return Streams(
        gaps=[gap for events in heard for gap in gaps(events)],
        kilobytes={part: (opened[part] - before[part]) / open_streams / 1e3 for part in WATCHED},
        events=sum(len(events) for events in heard),
        ended=sum(bool(events and events[-1].data and events[-1].data["status"] == "sent") for events in heard),
        megabytes_at_the_end={part: size / 1e6 for part, size in after.items()},
    )


async def _listen_a_moment(listener: Listener, campaign: str) -> None:
    """What a first stream costs is not what each costs; and the numbers have begun to change."""
    async for event in listener.events(campaign):
        if event.data and event.data["sent"]:
            break


async def _all(listener: Listener, campaign: str) -> list[Event]:
    return [event async for event in listener.events(campaign)]


def gaps(events: Sequence[Event]) -> list[float]:
    """Seconds between events, without the last one, which waits for the books to be balanced."""
    times = [event.at for event in events if event.data and event.data["status"] == "sending"]
    return [later - earlier for earlier, later in pairwise(times)]


def memory(described: Mapping[str, Any]) -> dict[str, int]:
    """Resident bytes of the processes that streams go through."""
    processes = python_processes(described)
    return {part: sum(process.memory_info().rss for process in processes[part]) for part in WATCHED}


@asynccontextmanager
async def _stalled(
    described: Mapping[str, Any], workspace: Workspace, campaign: str, count: int
) -> AsyncIterator[None]:
    """So many clients that ask and never read."""
    address = urlsplit(described["dialects"]["reachbell"])
    path = f"/campaigns/{campaign}/stream?token={workspace.jwt}&orgId={workspace.organization}"
    request = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    sockets = []
    try:
        for _ in range(count):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            one.connect((address.hostname, address.port))
            one.sendall(request)
            sockets.append(one)
        await asyncio.sleep(0)
        yield
    finally:
        for one in sockets:
            one.close()
