"""Owns the pages that operators and supervisors read: /live, /ready, /metrics.

Alive: the event loop turns and no part says that only a restart helps. Ready: also the database answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.runtime.errors import DomainError
from services.runtime.settings import Address


class Pages:
    """A small HTTP server."""

    def __init__(self, *, listen: Address, problem: Callable[[], str], ready: Callable[[], Awaitable[None]]) -> None:
        self._listen = listen
        self._problem = problem
        self._ready = ready
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/live", self._answer_live)
        app.router.add_get("/ready", self._answer_ready)
        app.router.add_get("/metrics", self._answer_metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._listen.host, self._listen.port).start()

    async def stop(self) -> None:
        """Close."""
        if self._runner:
            await self._runner.cleanup()

    async def _answer_live(self, _: web.Request) -> web.Response:
        problem = self._problem()
        return web.Response(text=problem or "alive", status=503 if problem else 200)

    async def _answer_ready(self, _: web.Request) -> web.Response:
        try:
            await self._ready()
        except DomainError as error:
            return web.Response(text=error.message, status=503)
        return web.Response(text="ready")

    async def _answer_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
