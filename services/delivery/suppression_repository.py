"""Owns the rows of suppressions: people who do not want to be messaged, addresses at which nobody is.

Never commits. A person's suppression and the tenant's next suppression version are one statement: whoever reads the
version later looks again. A version is drawn under the lock of its row, so that versions commit in their order.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from services.runtime.database import Transaction

HARD_BOUNCE = "HARD_BOUNCE"

# Who is suppressed already stays so, for the first reason, and holds nobody up.
SUPPRESS = """
WITH wanted AS MATERIALIZED (
    SELECT w.contact, w.channel FROM unnest($3::bytea[], $4::smallint[]) AS w(contact, channel)
     WHERE NOT EXISTS (SELECT FROM suppression s
                        WHERE s.tenant = $1 AND s.contact = w.contact AND s.channel = w.channel)
     ORDER BY w.contact, w.channel),
bumped AS (
    INSERT INTO suppression_version AS v (tenant, version) SELECT $1, 1 WHERE EXISTS (SELECT FROM wanted)
    ON CONFLICT (tenant) DO UPDATE SET version = v.version + 1 RETURNING version)
INSERT INTO suppression (tenant, project, contact, channel, reason, suppressed_at, version)
SELECT $1, $2, w.contact, w.channel, $5, clock_timestamp(), b.version FROM wanted w CROSS JOIN bumped b
ON CONFLICT DO NOTHING
"""
# No new version, but a first one: a dead address is no promise to anybody, and nothing that has begun is held for it.
SUPPRESS_ADDRESSES = """
WITH stored AS (
    INSERT INTO address_suppression (tenant, project, channel, address, reason, suppressed_at)
    SELECT $1, $2, $3, a, $5, clock_timestamp() FROM unnest($4::text[]) a
    ON CONFLICT DO NOTHING)
INSERT INTO suppression_version (tenant, version) VALUES ($1, 1) ON CONFLICT DO NOTHING
"""
COLUMNS = "contact, channel, reason, suppressed_at"
ADDRESS_COLUMNS = "channel, address, reason, suppressed_at"


@dataclass(frozen=True, slots=True)
class Suppression:
    """One row; either `contact` or `address` is set."""

    channel: int
    reason: str
    since: datetime.datetime
    contact: bytes = b""
    address: str = ""


async def suppress(
    tx: Transaction, *, tenant: bytes, project: bytes, people: Sequence[tuple[bytes, int]], reason: str
) -> None:
    """Message none of these (contact, channel) any more."""
    await tx.raw.execute(
        SUPPRESS, tenant, project, [contact for contact, _ in people], [channel for _, channel in people], reason
    )


async def suppress_addresses(
    tx: Transaction, *, tenant: bytes, project: bytes, channel: int, addresses: Sequence[str], reason: str
) -> None:
    """Send nothing to these addresses any more, whatever their case."""
    await tx.raw.execute(SUPPRESS_ADDRESSES, tenant, project, channel, sorted(_lowered(addresses)), reason)


async def unsuppress(
    tx: Transaction, *, tenant: bytes, project: bytes, contact: bytes, channels: Sequence[int], addresses: Sequence[str]
) -> None:
    """Let the contact be messaged again by these channels, at these addresses, too."""
    await tx.raw.execute(
        "DELETE FROM suppression WHERE tenant = $1 AND contact = $2 AND channel = ANY($3::smallint[])",
        tenant,
        contact,
        list(channels),
    )
    await tx.raw.execute(
        "DELETE FROM address_suppression WHERE tenant = $1 AND project = $2 AND channel = ANY($3::smallint[])"
        " AND address = ANY($4::text[])",
        tenant,
        project,
        list(channels),
        _lowered(addresses),
    )


async def suppressed(tx: Transaction, *, tenant: bytes, contacts: Sequence[bytes]) -> dict[tuple[bytes, int], str]:
    """(contact, channel) → reason, of those of these contacts who do not want to be messaged."""
    rows = await tx.raw.fetch(
        "SELECT contact, channel, reason FROM suppression WHERE tenant = $1 AND contact = ANY($2::bytea[])",
        tenant,
        list(contacts),
    )
    return {(row["contact"], row["channel"]): row["reason"] for row in rows}


async def suppressed_addresses(
    tx: Transaction, *, tenant: bytes, project: bytes, channel: int, addresses: Sequence[str]
) -> dict[str, str]:
    """Address, in lower case → reason, of those of these addresses at which nobody is."""
    rows = await tx.raw.fetch(
        "SELECT address, reason FROM address_suppression"
        " WHERE tenant = $1 AND project = $2 AND channel = $3 AND address = ANY($4::text[])",
        tenant,
        project,
        channel,
        _lowered(addresses),
    )
    return {row["address"]: row["reason"] for row in rows}


async def newly_suppressed(
    tx: Transaction, run: bytes, *, after: int, limit: int
) -> list[tuple[int, tuple[bytes, int]]]:
    """(version, (contact, channel)) of the run's tenant behind this version, ascending."""
    rows = await tx.raw.fetch(
        "SELECT s.version, s.contact, s.channel FROM suppression s"
        " WHERE s.tenant = (SELECT tenant FROM run WHERE id = $1) AND s.version > $2 ORDER BY s.version LIMIT $3",
        run,
        after,
        limit,
    )
    return [(row["version"], (row["contact"], row["channel"])) for row in rows]


async def of_contact(
    tx: Transaction, *, tenant: bytes, project: bytes, contact: bytes, addresses: Sequence[str]
) -> list[Suppression]:
    """What keeps the contact from being messaged, by channel; its own word before its addresses'."""
    own = await tx.raw.fetch(
        f"SELECT {COLUMNS} FROM suppression WHERE tenant = $1 AND contact = $2 ORDER BY channel", tenant, contact
    )
    dead = await tx.raw.fetch(
        f"SELECT {ADDRESS_COLUMNS} FROM address_suppression WHERE tenant = $1 AND project = $2"
        " AND address = ANY($3::text[]) ORDER BY channel, address",
        tenant,
        project,
        _lowered(addresses),
    )
    return [*map(_of_contact, own), *map(_of_address, dead)]


async def people_after(
    tx: Transaction, *, tenant: bytes, project: bytes, contact: bytes, channel: int, limit: int
) -> list[Suppression]:
    """The project's suppressed people in the order of contact and channel, behind this one."""
    rows = await tx.raw.fetch(
        f"SELECT {COLUMNS} FROM suppression WHERE tenant = $1 AND project = $2 AND (contact, channel) > ($3, $4)"
        " ORDER BY contact, channel LIMIT $5",
        tenant,
        project,
        contact,
        channel,
        limit,
    )
    return [_of_contact(row) for row in rows]


async def addresses_after(
    tx: Transaction, *, tenant: bytes, project: bytes, channel: int, address: str, limit: int
) -> list[Suppression]:
    """The project's suppressed addresses in the order of channel and address, behind this one."""
    rows = await tx.raw.fetch(
        f"SELECT {ADDRESS_COLUMNS} FROM address_suppression WHERE tenant = $1 AND project = $2"
        " AND (channel, address) > ($3, $4) ORDER BY channel, address LIMIT $5",
        tenant,
        project,
        channel,
        address,
        limit,
    )
    return [_of_address(row) for row in rows]


def _of_contact(row: asyncpg.Record) -> Suppression:
    return Suppression(channel=row["channel"], reason=row["reason"], since=row["suppressed_at"], contact=row["contact"])


def _of_address(row: asyncpg.Record) -> Suppression:
    return Suppression(channel=row["channel"], reason=row["reason"], since=row["suppressed_at"], address=row["address"])


def _lowered(addresses: Sequence[str]) -> list[str]:
    return [address.lower() for address in addresses]
