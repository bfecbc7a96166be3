"""Owns finding out whether an account can be sent through now.

Never sends a message, and never raises for what a provider or a network does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from services.delivery.domain.accounts import HttpProvider, Provider, SmtpProvider, secret_bytes
from services.delivery.senders.destination import Destinations, Origin
from services.delivery.senders.dialer import Dialer, DialError
from services.delivery.senders.http_batch import HttpEndpoint

PATIENCE = 10.0  # seconds in all: whoever asks waits for it
CONNECT_PATIENCE = 4.0


@dataclass(frozen=True, slots=True)
class Problem:
    """Why not; the reason in UPPER_SNAKE, and a sentence."""

    reason: str
    message: str


class AccountProbe:
    """Connects as a campaign would."""

    def __init__(self, allowed_private_hosts: tuple[str, ...]) -> None:
        self._allowed_private_hosts = allowed_private_hosts

    async def problem(self, provider: Provider) -> Problem | None:
        """What is wrong with it; None where nothing is."""
        try:
            async with asyncio.timeout(PATIENCE):
                if isinstance(provider, SmtpProvider):
                    return await self._smtp(provider)
                return await self._http(provider)
        except TimeoutError:
            return Problem("RESPONSE_TIMEOUT", f"There was no answer within {PATIENCE:.0f} seconds.")

    async def _smtp(self, provider: SmtpProvider) -> Problem | None:
        destinations = Destinations(frozenset(host.lower() for host in self._allowed_private_hosts))
        dialer = Dialer(destinations, timeout=CONNECT_PATIENCE)
        try:
            greeting = await dialer.open(Origin("smtp", provider.host, provider.port), _Greeting)
        except DialError as problem:
            return Problem(problem.reason, f"No connection to {provider.host}:{provider.port} came about.")
        return await greeting.problem()

    async def _http(self, provider: HttpProvider) -> Problem | None:
        endpoint = HttpEndpoint(
            url=provider.url,
            key=secret_bytes(provider.signing_secret),
            connections=1,
            response_timeout=PATIENCE,
            allowed_private_hosts=self._allowed_private_hosts,
            connect_timeout=CONNECT_PATIENCE,
        )
        try:
            reason = await endpoint.problem()
        finally:
            await endpoint.close()
        return Problem(reason, f"The call of {provider.url} was not answered with 2xx.") if reason else None


class _Greeting(asyncio.Protocol):
    """Waits for a server's first line."""

    def __init__(self) -> None:
        self._line: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._line.done():
            self._line.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._line.done():
            self._line.set_result(b"")

    async def problem(self) -> Problem | None:
        line = await self._line
        if self._transport is not None:
            self._transport.close()
        return None if line.startswith(b"220") else Problem("GREETING_REFUSED", "The server did not greet.")
