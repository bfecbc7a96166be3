"""Owns accounts on PostgreSQL as the gateway wires them: callers, their keys, what the door makes of a secret."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from carillon.accounts.v1 import accounts_pb2 as pb

from gateway.accounts.key_ring import KeyRing
from gateway.accounts.repository import ApiKey
from gateway.accounts.tokens import Tokens
from gateway.accounts.use_cases import Accounts
from services import names
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.idempotency import Idempotency
from services.runtime.identity import OPERATOR_SCOPE, Caller

OPERATOR = Caller(organization=b"", subject="operator", scopes=frozenset({OPERATOR_SCOPE}))
SEED = bytes(range(32))


def id_of(name: str) -> bytes:
    """The id in `organizations/…`, `projects/…` or `apiKeys/…`."""
    (found,) = names.split(name, name.partition("/")[0])
    assert found is not None
    return found


class Office:
    """One process' accounts; several of them are several processes on one database."""

    def __init__(self, database: Database) -> None:
        clock = SystemClock()
        self.database = database
        self.key_ring = KeyRing(database)
        self.tokens = Tokens(seed=SEED, issuer="carillon")
        self.accounts = Accounts(
            database=database,
            idempotency=Idempotency(database=database, clock=clock, services=(), secret=SEED),
            key_ring=self.key_ring,
            tokens=self.tokens,
            clock=clock,
        )

    async def organization(self, name: str = "Ours") -> Caller:
        """Somebody who may do everything in a new one."""
        made = await self.accounts.create_organization(OPERATOR, display_name=name)
        return Caller(organization=id_of(made.name), subject="key:1")

    async def project(self, caller: Caller, name: str = "Launch") -> pb.Project:
        """A new one of the caller's."""
        return await self.accounts.create_project(
            caller, organization=None, display_name=name, time_zone="", phone_region=""
        )

    async def key(self, caller: Caller, *, projects: Sequence[bytes] = (), name: str = "Server") -> pb.ApiKey:
        """A new one of the caller's."""
        return await self.accounts.create_key(caller, organization=None, display_name=name, projects=projects)

    async def found(self, secret: str) -> ApiKey | None:
        """What the door finds for a secret."""
        return await self.key_ring.find(secret)

    async def rows(self, table: str) -> int:
        """How many are stored."""
        return int(await self.database.transaction(lambda tx: tx.raw.fetchval(f"SELECT count(*) FROM {table}")))

    async def token(self, caller: Caller, *, ttl: datetime.timedelta | None = None) -> str:
        """A person's, of the caller's organization."""
        token, _ = await self.accounts.create_token(caller, organization=None, subject="ada", ttl=ttl)
        return token
