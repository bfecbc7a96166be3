"""Owns calling a running stack over its documented REST routes, as a user's own program would.

Never reaches around them: whatever the sample, the tests and the benchmarks do, a client could do.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp

Json = dict[str, Any]


class CallFailed(Exception):
    """Raised when a call is answered with anything but 2xx; says the status and the body."""

    def __init__(self, method: str, url: str, status: int, body: str) -> None:
        super().__init__(f"{method} {url.partition('?')[0]} answered {status}: {body}")
        self.status = status
        self.body = body


class Client:
    """One connection pool, one credential, one base URL."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self._url = url
        self._session = aiohttp.ClientSession(
            headers=headers, timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def call(self, method: str, path: str, body: Any = None, **parameters: str) -> Json:
        """The answer's JSON, empty where there is none. Raises CallFailed."""
        text = await self.text(method, path, body, **parameters)
        content: Json = json.loads(text) if text else {}
        return content

    async def text(self, method: str, path: str, body: Any = None, **parameters: str) -> str:
        """The answer as it is. Raises CallFailed."""
        async with self._session.request(method, self._url + path, json=body, params=parameters) as answer:
            text = await answer.text()
            if answer.status >= 300:
                raise CallFailed(method, path, answer.status, text)
            return text

    async def lines(self, method: str, path: str, **parameters: str) -> AsyncIterator[Json]:
        """The JSON objects of an answer with one a line. Raises CallFailed."""
        async with self._session.request(method, self._url + path, params=parameters) as answer:
            if answer.status >= 300:
                raise CallFailed(method, path, answer.status, await answer.text())
            async for line in answer.content:
                yield json.loads(line)

    async def events(self, path: str, **parameters: str) -> AsyncIterator[Json]:
        """The data of a stream of server-sent events, until it ends. Raises CallFailed."""
        async with self._session.get(self._url + path, params=parameters) as answer:
            if answer.status != 200:
                raise CallFailed("GET", path, answer.status, await answer.text())
            async for line in answer.content:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])
