"""Owns measuring how late scheduled campaigns start: by campaigns' own start time, and by the first call that left."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e.books import push, wait_until_ended
from tools.client import Client
from tools.workspace import Workspace

CAMPAIGNS = 300
PER_SECOND = 10
NOTICE_SECONDS = 20.0  # how long the first of them waits: all are made by then
AT_ONCE = 10


@dataclass(frozen=True)
class Starts:
    """Seconds behind `sendAt`, one for each campaign."""

    started: list[float]
    first_call: list[float]
    calls: int  # in all


async def measure(described: Mapping[str, Any], workspace: Workspace) -> Starts:
    """Schedule many campaigns and see when each began."""
    first = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=NOTICE_SECONDS)
    due = [first + datetime.timedelta(seconds=number / PER_SECOND) for number in range(CAMPAIGNS)]
    limit = asyncio.Semaphore(AT_ONCE)
    async with (
        Client(described["dialects"]["reachbell"], workspace.key_header) as reachbell,
        Client(described["native"], workspace.key_header) as native,
        Client(described["sandbox"]) as sandbox,
    ):

        async def schedule(at: datetime.datetime) -> str:
            body = push(workspace) | {"schedule": {"mode": "scheduled", "sendAt": at.isoformat()}}
            async with limit:
                return str((await reachbell.call("POST", "/campaigns", body))["id"])

        async def begun(campaign: str, at: datetime.datetime) -> tuple[float, list[float]]:
            async with limit:
                await wait_until_ended(reachbell, campaign, seconds=60)
                shown = await native.call("GET", f"/v1/projects/{workspace.project}/campaigns/{campaign}")
                calls = [line["at"] async for line in sandbox.lines("GET", "/messages", campaign=campaign)]
            return _behind(shown["startTime"], at), sorted(_behind(call, at) for call in calls)

        campaigns = await asyncio.gather(*map(schedule, due))
        await asyncio.sleep((due[-1] - datetime.datetime.now(datetime.UTC)).total_seconds())
        found = await asyncio.gather(*map(begun, campaigns, due))
    return Starts(
        started=[started for started, _ in found],
        first_call=[calls[0] for _, calls in found],
        calls=sum(len(calls) for _, calls in found),
    )


def _behind(instant: str, at: datetime.datetime) -> float:
    return (datetime.datetime.fromisoformat(instant) - at).total_seconds()
