"""Owns one call of a client and what it was answered, with status and body, whatever they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from tools.client import Json


@dataclass(frozen=True)
class Call:
    """What a client asks. `campaign` is the one in the path, where there is one; `key` its Idempotency-Key."""

    operation: str
    method: str
    path: str
    campaign: str = ""
    body: Json | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    native: bool = False  # asked at the native API, which can do what no ReachBell client can: hold, let go, cancel

    def __str__(self) -> str:
        body = "" if self.body is None else " " + json.dumps(self.body)
        query = "?" + "&".join(f"{name}={value}" for name, value in self.query.items()) if self.query else ""
        return f"{self.method} {self.path}{query}{body}" + (f" Idempotency-Key: {self.key}" if self.key else "")


@dataclass(frozen=True)
class Answer:
    """What it was answered; `body` is None where there was none, and text where it is no JSON."""

    status: int
    body: Json | str | None

    @property
    def object(self) -> Json:
        """The body, where it is a JSON object."""
        return self.body if isinstance(self.body, dict) else {}

    def __str__(self) -> str:
        return f"{self.status} {json.dumps(self.body) if isinstance(self.body, dict) else self.body}"


class Asker:
    """The organization's clients: each call on a connection that nobody else uses meanwhile."""

    def __init__(self, *, reachbell: str, native: str, headers: Mapping[str, str]) -> None:
        self._reachbell = reachbell
        self._native = native
        connections = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(
            headers=headers, timeout=aiohttp.ClientTimeout(total=60), connector=connections
        )

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()

    async def ask(self, call: Call) -> Answer:
        """The answer to a call."""
        headers = {"Idempotency-Key": call.key} if call.key else {}
        url = (self._native if call.native else self._reachbell) + call.path
        async with self._session.request(
            call.method, url, json=call.body, params=dict(call.query), headers=headers
        ) as answer:
            text = await answer.text()
            is_json = answer.content_type == "application/json"
            return Answer(answer.status, (json.loads(text) if is_json else text) if text else None)
