"""Owns finding out whether an account can be sent through now.

Never sends a message, and never raises for what a provider or a network does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from services.delivery.domain.accounts import HttpProvider, Provider, Security, SmtpProvider, secret_bytes
from services.delivery.senders.http_batch import HttpEndpoint
from services.delivery.senders.smtp import Security as SmtpSecurity
from services.delivery.senders.smtp import SmtpAccount, check_account

PATIENCE = 10.0  # seconds in all: whoever asks waits for it
CONNECT_PATIENCE = 4.0


SECURITIES = {
    Security.STARTTLS: SmtpSecurity.STARTTLS,
    Security.TLS: SmtpSecurity.IMPLICIT,
    Security.PLAIN: SmtpSecurity.PLAIN,
}


def smtp_account(provider: SmtpProvider) -> SmtpAccount:
    """The account in its sender's words."""
    return SmtpAccount(
        host=provider.host,
        port=provider.port,
        security=SECURITIES[provider.security],
        username=provider.username,
        password=provider.password,
        allow_plaintext_auth=provider.allow_plaintext_auth,
        connections=provider.connections,
    )


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
        problem = await check_account(
            smtp_account(provider),
            allowed_private_hosts=self._allowed_private_hosts,
            connect_timeout=CONNECT_PATIENCE,
            reply_timeout=CONNECT_PATIENCE,
        )
        return None if problem is None else Problem(problem.reason, problem.message)

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
