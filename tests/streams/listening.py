"""Owns listening to a progress stream as an EventSource does: ids, data, comments, and when each of them came."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from tools.client import Json
from tools.workspace import Workspace


@dataclass(frozen=True)
class Event:
    """One event; `data` is None for a comment."""

    at: float  # time.monotonic()
    id: str
    data: Json | None


@dataclass(frozen=True)
class Refused:
    """What came instead of a stream."""

    status: int
    content_type: str
    body: str


class Listener:
    """One page of a dashboard: a token in the query, no header."""

    def __init__(self, described: Mapping[str, Any], workspace: Workspace) -> None:
        self._url = described["dialects"]["reachbell"]
        self._workspace = workspace

    async def events(self, campaign: str) -> AsyncIterator[Event]:
        """Everything, until the stream ends."""
        async with self._session() as session, session.get(self._path(campaign), params=self._query()) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.content_type == "text/event-stream"
            async for event in read(answer):
                yield event

    async def all(self, campaign: str, *, seconds: float) -> list[Event]:
        """Everything, as a list; fails where the stream has not ended after so many seconds."""
        async with asyncio.timeout(seconds):
            return [event async for event in self.events(campaign)]

    async def first(self, campaign: str) -> Event:
        """What comes first."""
        return await anext(self.events(campaign))

    async def ask(self, campaign: str, *, headers: Mapping[str, str] | None = None, **query: str) -> Refused:
        """The answer to a request that gets no stream; `query` replaces the token and the organization."""
        parameters = {name: value for name, value in {**self._query(), **query}.items() if value}
        async with (
            self._session() as session,
            session.get(self._path(campaign), params=parameters, headers=headers) as answer,
        ):
            assert answer.content_type != "text/event-stream" or answer.status == 204
            return Refused(answer.status, answer.content_type, await answer.text())

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60))

    def _path(self, campaign: str) -> str:
        return f"{self._url}/campaigns/{campaign}/stream"

    def _query(self) -> dict[str, str]:
        return {"token": self._workspace.jwt, "orgId": self._workspace.organization}


async def read(answer: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """The events and comments of a stream (HTML §9.2.6), as far as ours go: an id, one line of data, no name."""
    event_id, data = "", None
    async for raw in answer.content:
        line = raw.decode().rstrip("\n")
        if line.startswith(":"):
            yield Event(time.monotonic(), event_id, None)
        elif line.startswith("id:"):
            event_id = line[3:].strip()
        elif line.startswith("data:"):
            data = json.loads(line[5:])
        elif not line and data is not None:
            yield Event(time.monotonic(), event_id, data)
            data = None
        else:
            assert not line, f"no browser's onmessage hears of {line!r}"
