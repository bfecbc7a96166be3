"""Owns what sends through each provider account of this process: one set of connections per account, shared by runs.

Never keeps an account that is deleted for longer than a moment, and never shows a secret.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog

from services import names
from services.delivery.account_probe import smtp_account
from services.delivery.domain.accounts import HttpProvider, Provider, SmtpProvider, secret_bytes
from services.delivery.provider_accounts import ProviderAccounts
from services.delivery.run_repository import RunRow
from services.delivery.senders.http_batch import HttpEndpoint
from services.delivery.senders.smtp import SmtpSender
from services.runtime.errors import NotFound

log = structlog.get_logger()

LOOK_AGAIN = 2.0  # seconds after which an account may have been deleted
GONE = "PROVIDER_ACCOUNT_GONE"
OTHER_KIND = "PROVIDER_ACCOUNT_OF_OTHER_KIND"


class AccountUnusable(Exception):
    """Raised where nothing can be sent through an account, for now; the reason in UPPER_SNAKE."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class _Opened:
    provider: Provider
    sender: SmtpSender | HttpEndpoint
    looked_at: float


class AccountSenders:
    """The senders of this process."""

    def __init__(self, *, accounts: ProviderAccounts, allowed_private_hosts: tuple[str, ...]) -> None:
        self._accounts = accounts
        self._allowed_private_hosts = allowed_private_hosts
        self._opened: dict[tuple[bytes, bytes], _Opened] = {}
        self._left: list[SmtpSender | HttpEndpoint] = []  # of deleted accounts: their last calls may be under way

    async def smtp(self, run: RunRow, account: str) -> SmtpSender:
        """Of the account that the run's content names. Raises AccountUnusable."""
        opened = await self._of(run, account)
        if not isinstance(opened.sender, SmtpSender):
            raise AccountUnusable(OTHER_KIND)
        return opened.sender

    async def endpoint(self, run: RunRow, account: str) -> tuple[HttpEndpoint, int]:
        """The same, and how many recipients go in one call. Raises AccountUnusable."""
        opened = await self._of(run, account)
        if not isinstance(opened.sender, HttpEndpoint) or not isinstance(opened.provider, HttpProvider):
            raise AccountUnusable(OTHER_KIND)
        return opened.sender, opened.provider.recipients_per_call

    async def close(self) -> None:
        """Drop all connections."""
        for sender in [*self._left, *(opened.sender for opened in self._opened.values())]:
            await sender.close()

    async def _of(self, run: RunRow, account: str) -> _Opened:
        key = (run.tenant, _account_id(account))
        opened = self._opened.get(key)
        if opened is not None and time.monotonic() - opened.looked_at < LOOK_AGAIN:
            return opened
        found = await self._accounts.find(tenant=run.tenant, account=key[1])
        opened = self._opened.get(key)  # somebody else may have opened it meanwhile
        if found is None or found.project != run.project:
            if opened is not None:
                self._left.append(self._opened.pop(key).sender)
            log.warning("a run's provider account is gone", account=account, run=run.id.hex())
            raise AccountUnusable(GONE)
        if opened is None:
            opened = self._opened[key] = _Opened(found.provider, self._open(found.provider), 0.0)
        opened.looked_at = time.monotonic()
        return opened

    def _open(self, provider: Provider) -> SmtpSender | HttpEndpoint:
        if isinstance(provider, SmtpProvider):
            return SmtpSender(
                smtp_account(provider),
                allowed_private_hosts=self._allowed_private_hosts,
                reply_timeout=provider.timeout_seconds,
                body_timeout=2 * provider.timeout_seconds,
            )
        try:
            return HttpEndpoint(
                url=provider.url,
                key=secret_bytes(provider.signing_secret),
                connections=provider.connections,
                response_timeout=provider.timeout_seconds,
                allowed_private_hosts=self._allowed_private_hosts,
            )
        except ValueError:  # it was allowed when it was made, and is not listed any more
            raise AccountUnusable("PROVIDER_ACCOUNT_NOT_ALLOWED") from None


def _account_id(name: str) -> bytes:
    try:
        account = names.split(name, "projects", "providerAccounts")[1]
    except NotFound:
        raise AccountUnusable(GONE) from None
    assert account is not None
    return account
