"""Owns reading every book that is kept of a campaign, so that a test can hold them against each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from services.runtime import ids
from tools.client import Client, Json
from tools.workspace import Workspace

STATES = ("sent", "failed", "suppressed", "cancelled", "expired", "unknown")
ENDED = ("sent", "cancelled", "failed")


def push(workspace: Workspace, *, name: str = "Launch", filters: Json | None = None) -> Json:
    """An immediate campaign to everybody, as ReachBell's document spells it."""
    return {
        "name": name,
        "projectId": workspace.project,
        "content": {"title": "Hello", "body": "World", "clickUrl": "https://example.com/?a=1#top"},
        "segment": {"filters": filters or {}},
        "schedule": {"mode": "immediate"},
        "utm": {"source": "reachbell"},
    }


@dataclass(frozen=True)
class Books:
    """The same campaign, asked everywhere."""

    reachbell: Json
    stats: Json
    reconciliation: Json
    rows: Mapping[str, int]  # delivery's rows by state, by SQL
    ledger: list[Json]  # the push service's accepted calls

    @property
    def reached(self) -> set[str]:
        """The different subscriptions that the push service accepted a message for."""
        return {line["to"] for line in self.ledger}

    @property
    def repeats(self) -> int:
        """Accepted calls for a message that had been accepted before."""
        return sum(line["repeat"] for line in self.ledger)


async def wait_until_ended(reachbell: Client, campaign: str, *, seconds: float) -> Json:
    """The campaign, once its status is final."""
    deadline = time.monotonic() + seconds
    while True:
        shown = await reachbell.call("GET", f"/campaigns/{campaign}")
        if shown["status"] in ENDED:
            return shown
        assert time.monotonic() < deadline, f"not ended after {seconds} s: {shown}"
        await asyncio.sleep(0.3)


async def read_books(described: Mapping[str, Any], workspace: Workspace, campaign: str) -> Books:
    """Ask everybody."""
    name = f"/v1/projects/{workspace.project}/campaigns/{campaign}"
    async with Client(described["dialects"]["reachbell"], workspace.key_header) as reachbell:
        shown = await reachbell.call("GET", f"/campaigns/{campaign}")
    async with Client(described["native"], workspace.key_header) as native:
        stats = await native.call("GET", f"{name}/stats")
        reconciliation = await native.call("GET", f"{name}:reconcile")
    async with Client(described["sandbox"]) as sandbox:
        ledger = [line async for line in sandbox.lines("GET", "/messages", campaign=campaign)]
    return Books(
        reachbell=shown,
        stats=stats,
        reconciliation=reconciliation,
        rows=await delivery_rows(described, campaign),
        ledger=ledger,
    )


async def delivery_rows(described: Mapping[str, Any], campaign: str) -> dict[str, int]:
    """state → rows, counted by SQL."""
    names = dict(enumerate(STATES, start=2))
    connection = await asyncpg.connect(described["postgres"])
    try:
        rows = await connection.fetch(
            "SELECT state, count(*) AS n FROM delivery.outcome WHERE run IN (SELECT id FROM delivery.run"
            " WHERE campaign = $1) GROUP BY state",
            ids.parse("cmp", campaign),
        )
    finally:
        await connection.close()
    return {names[row["state"]]: row["n"] for row in rows}


def check_equal(
    books: Books, *, sent: int, failed: int = 0, suppressed: int = 0, cancelled: int = 0, unknown: int = 0
) -> None:
    """Every book says these numbers and no other; of what is unknown, some may have arrived."""
    expected = {"sent": sent, "failed": failed, "suppressed": suppressed, "cancelled": cancelled, "unknown": unknown}
    assert books.rows == {state: count for state, count in expected.items() if count}
    for book in ("delivery", "analytics", "shown"):
        counts = books.reconciliation.get(book, {})
        assert {state: counts.get(state, 0) for state in STATES} == dict.fromkeys(STATES, 0) | expected, book
        assert counts.get("pending", 0) == 0, book
    assert books.reconciliation["balanced"] is True, books.reconciliation
    assert books.reconciliation["audience"] == sum(expected.values())
    assert {state: books.stats.get(state, 0) for state in expected} == expected
    assert books.stats.get("queued", 0) == sent + failed + unknown
    shown = books.reachbell["stats"]
    assert (shown["sent"], shown["delivered"], shown["failed"]) == (sent, sent, failed + unknown)
    assert shown["queued"] == sent + failed + unknown
    assert sent <= len(books.reached) <= sent + unknown
