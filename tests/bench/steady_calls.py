"""Owns measuring calls that come at a steady rate, whatever becomes of the ones before, while a campaign is being sent.

An open loop: a call's time begins when it was due, so that a server that stalls is charged for whoever waits.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e.books import push
from tools.client import Client, Json
from tools.workspace import Workspace

RATE = 100.0  # calls a second in all, each kind in its turn
SECONDS = 20.0


@dataclass(frozen=True)
class Steady:
    """Seconds that each call took, by what was called, and what was sent meanwhile."""

    seconds: Mapping[str, list[float]]
    failed: int
    sent_before: int
    sent_after: int


async def measure_alone(described: Mapping[str, Any], workspace: Workspace) -> Steady:
    """GET, list and create in turn, and nothing else to do."""
    async with Client(described["dialects"]["reachbell"], workspace.key_header) as client:
        draft = await client.call("POST", "/campaigns", push(workspace) | {"schedule": {"mode": "draft"}})
        steady = _Loop(client, workspace, f"/campaigns/{draft['id']}")
        await steady.run()
    return Steady(steady.seconds, steady.failed, 0, 0)


async def measure(described: Mapping[str, Any], workspace: Workspace) -> Steady:
    """The same while a campaign to everybody in the workspace is being sent."""
    async with Client(described["dialects"]["reachbell"], workspace.key_header) as client:
        background = await client.call("POST", "/campaigns", push(workspace, name="Background"))
        path = f"/campaigns/{background['id']}"
        before = await _sending(client, path)
        steady = _Loop(client, workspace, path)
        await steady.run()
        after = await client.call("GET", path)
    await _end(described, workspace, background["id"])
    return Steady(steady.seconds, steady.failed, before["stats"]["sent"], after["stats"]["sent"])


async def _sending(client: Client, path: str) -> Json:
    """The campaign, once it has begun to send."""
    while not (shown := await client.call("GET", path))["stats"]["sent"]:
        await asyncio.sleep(0.1)
    return shown


async def _end(described: Mapping[str, Any], workspace: Workspace, campaign: str) -> None:
    """Cancel it, and wait until every book is closed: whatever is measured next finds the stack at rest."""
    name = f"/v1/projects/{workspace.project}/campaigns/{campaign}"
    async with Client(described["native"], workspace.key_header) as native:
        await native.call("POST", f"{name}:cancel", {})
        while not (await native.call("GET", f"{name}:reconcile"))["balanced"]:
            await asyncio.sleep(0.5)


class _Loop:
    def __init__(self, client: Client, workspace: Workspace, path: str) -> None:
        self._client = client
        draft = push(workspace, name="Draft") | {"schedule": {"mode": "draft"}}
        self._calls = [
            ("GET", "GET", path, None),
            ("list", "GET", f"/campaigns/project/{workspace.project}", None),
            ("create", "POST", "/campaigns", draft),
        ]
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.failed = 0

    async def run(self) -> None:
        """Begin a call every hundredth of a second, then wait for the last ones."""
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(RATE * SECONDS)):
                due = began + number / RATE
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(self._call(due, *self._calls[number % len(self._calls)]))

    async def _call(self, due: float, kind: str, method: str, path: str, body: Json | None) -> None:
        try:
            await self._client.call(method, path, body)
        except Exception:  # whatever it is, the figure is worth nothing then
            self.failed += 1
        self.seconds[kind].append(time.perf_counter() - due)
