"""Owns calling a stack that is being broken: what is not answered, or fails there, is said again."""

from __future__ import annotations

import asyncio

import aiohttp

from tools.client import CallFailed, Client, Json

BETWEEN = 0.3  # seconds


class Insistent:
    """A client that goes on until it is answered. Raises CallFailed for what the caller is told to be wrong."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """The answer, however long it takes."""
        while True:
            try:
                return await self._client.call(method, path, body)
            except CallFailed as failed:
                if failed.status < 500:
                    raise
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(BETWEEN)
