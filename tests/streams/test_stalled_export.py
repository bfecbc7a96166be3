"""A CSV whose reader takes nothing: the others notice nothing, and nobody keeps the file in memory for it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest

from tests.bench.large_export import insert_copies
from tests.bench.processes import cpu_share
from tests.stacks import Running
from tools.client import Client
from tools.workspace import Workspace

CAMPAIGNS = 40_000
NAME = "n" * 200
SIZE = CAMPAIGNS * 300  # bytes that a whole file has at least
STALLED = 6
CALLS = 20
IDLE = 0.15  # of a core
MOST_LOOKS = 15
OURS_MB = 25  # for all of them: our two processes have a page in hand for each
ENVOYS_MB = 8 * STALLED  # what lies in buffers and windows

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def many(stack: Running, workspace: Workspace, reachbell: Client) -> str:
    """A project with very many campaigns."""
    draft = await reachbell.call("POST", "/campaigns", {"name": NAME, "projectId": workspace.project})
    await insert_copies(stack.described, draft["id"], CAMPAIGNS - 1)
    return str(draft["id"])


async def test_readers_that_stall_cost_the_others_nothing_and_hold_no_file(
    stack: Running, workspace: Workspace, reachbell: Client, many: str
) -> None:
    await _read(stack, workspace)  # what the first one costs is not what each costs
    before = _megabytes(stack.described)

    async with _asking(stack, workspace) as sockets:
        await _nobody_is_busy(stack.described)
        while_stalled = _megabytes(stack.described)
        held = await _transactions(stack.described)
        took = [await _seconds(reachbell, many) for _ in range(CALLS)]
        text = await asyncio.to_thread(_rest, sockets[0])

    assert held == 0, "a reader that stalls must not hold a connection to the database"
    assert statistics.median(took) < 1.0, took
    grown = {part: while_stalled[part] - before[part] for part in before}
    assert grown["gateway"] + grown["campaigns"] < OURS_MB < STALLED * SIZE / 2e6, grown
    assert grown["envoy"] < ENVOYS_MB < STALLED * SIZE / 1.2e6, grown
    assert text.count(NAME.encode()) == CAMPAIGNS, "who goes on reading gets everything"


async def _read(stack: Running, workspace: Workspace) -> None:
    async with _asking(stack, workspace, count=1) as (one,):
        assert (await asyncio.to_thread(_rest, one)).count(NAME.encode()) == CAMPAIGNS


@contextlib.asynccontextmanager
async def _asking(stack: Running, workspace: Workspace, *, count: int = STALLED) -> AsyncIterator[list[socket.socket]]:
    """Clients that have asked for the file and read nothing of it yet."""
    url = urlsplit(stack.described["dialects"]["reachbell"])
    target = f"/campaigns/export/project/{workspace.project}.csv"
    request = f"GET {target} HTTP/1.1\r\nHost: {url.netloc}\r\nx-api-key: {workspace.api_key}\r\n\r\n"
    with contextlib.ExitStack() as closing:
        sockets = []
        for _ in range(count):
            one = closing.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect((url.hostname, url.port))
            one.sendall(request.encode())
            sockets.append(one)
        yield sockets


def _rest(one: socket.socket) -> bytes:
    """All that comes, until the last chunk."""
    one.settimeout(60)
    text = bytearray()
    while not text.endswith(b"\r\n0\r\n\r\n"):
        text += one.recv(1 << 20) or pytest.fail("the file broke off")
    return bytes(text)


async def _nobody_is_busy(described: Mapping[str, Any]) -> None:
    """Return once what can be written ahead is written; from then on a stalled reader costs no processor."""
    for _ in range(MOST_LOOKS):
        busy = await asyncio.to_thread(cpu_share, described, seconds=2.0)
        if busy["gateway"] + busy["campaigns"] < IDLE:
            return
    raise AssertionError(f"the readers have stalled, and somebody works on: {busy}")


async def _seconds(reachbell: Client, campaign: str) -> float:
    """How long somebody else's call takes."""
    began = time.monotonic()
    await reachbell.call("GET", f"/campaigns/{campaign}")
    return time.monotonic() - began


def _megabytes(described: Mapping[str, Any]) -> dict[str, float]:
    pids = {part: described["processes"][part] for part in ("envoy", "gateway", "campaigns")}
    return {part: sum(psutil.Process(pid).memory_info().rss for pid in of) / 1e6 for part, of in pids.items()}


async def _transactions(described: Mapping[str, Any]) -> int:
    """How many of campaigns' transactions have waited for somebody for a while."""
    connection = await asyncpg.connect(described["postgres"])
    try:
        question = (
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'campaigns' AND state LIKE 'idle in transaction%'"
            " AND xact_start < clock_timestamp() - interval '1 s'"
        )
        return int(await connection.fetchval(question))
    finally:
        await connection.close()
