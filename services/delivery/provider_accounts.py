"""Owns the rows of provider accounts: what is public of them in the open, their secrets sealed.

Never answers another tenant's account, and never gives a secret to anybody but a sender.
"""

from __future__ import annotations

from typing import Any

from carillon.delivery.v1 import provider_accounts_pb2 as pb

from services.delivery.account_messages import account_from_stored, account_to, made_to, secret_of
from services.delivery.domain.accounts import Provider, ProviderAccount, check_display_name
from services.delivery.sealing import Seal
from services.runtime import ids
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Exhausted
from services.runtime.idempotency import Idempotency

MOST_OF_A_PROJECT = 1_000


class ProviderAccounts:
    """All accounts."""

    def __init__(self, *, database: Database, idempotency: Idempotency, seal: Seal, clock: Clock) -> None:
        self._database = database
        self._idempotency = idempotency
        self._seal = seal
        self._clock = clock

    async def create(
        self, *, tenant: bytes, project: bytes, display_name: str, provider: Provider, path: str
    ) -> pb.ProviderAccount:
        """Store a new account; what whoever made it is answered. Raises Invalid, Exhausted."""
        check_display_name(display_name, path=f"{path}.display_name")
        account = ProviderAccount(
            id=ids.new_id(),
            project=project,
            display_name=display_name,
            provider=provider,
            create_time=self._clock.now(),
        )

        async def store(tx: Transaction) -> pb.ProviderAccount:
            count = await tx.raw.fetchval(
                "SELECT count(*) FROM provider_account WHERE tenant = $1 AND project = $2", tenant, project
            )
            if count >= MOST_OF_A_PROJECT:
                message = f"A project has at most {MOST_OF_A_PROJECT:,} provider accounts."
                raise Exhausted("TOO_MANY_PROVIDER_ACCOUNTS", message, field="parent")
            await tx.raw.execute(
                "INSERT INTO provider_account (tenant, id, project, account, sealed_secret, create_time)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                tenant,
                account.id,
                project,
                account_to(account).SerializeToString(),
                self._seal.close(secret_of(provider).encode(), owner=tenant + account.id),
                account.create_time,
            )
            return made_to(account)

        return await self._idempotency.transaction(pb.ProviderAccount, store)

    async def find(self, *, tenant: bytes, account: bytes) -> ProviderAccount | None:
        """The account with its secret, for whoever sends through it."""
        row = await self._database.transaction(
            lambda tx: tx.raw.fetchrow("SELECT * FROM provider_account WHERE tenant = $1 AND id = $2", tenant, account)
        )
        return None if row is None else self._read(row)

    async def list_page(self, *, tenant: bytes, project: bytes, after: bytes, limit: int) -> list[ProviderAccount]:
        """Accounts of a project, oldest first, behind this id."""
        rows = await self._database.transaction(
            lambda tx: tx.raw.fetch(
                "SELECT * FROM provider_account WHERE tenant = $1 AND project = $2 AND id > $3 ORDER BY id LIMIT $4",
                tenant,
                project,
                after,
                limit,
            )
        )
        return [self._read(row) for row in rows]

    async def delete(self, *, tenant: bytes, account: bytes) -> None:
        """Forget it, secret and all."""
        await self._database.transaction(
            lambda tx: tx.raw.execute("DELETE FROM provider_account WHERE tenant = $1 AND id = $2", tenant, account)
        )

    def _read(self, row: Any) -> ProviderAccount:
        secret = self._seal.open(row["sealed_secret"], owner=row["tenant"] + row["id"]).decode()
        return account_from_stored(row["account"], secret, account_id=row["id"], project=row["project"])
