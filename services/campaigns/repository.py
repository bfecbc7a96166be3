"""Owns this service's rows: the only place that asks its tables.

Never commits: each function works inside the caller's transaction.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carillon.campaigns.v1 import campaigns_pb2 as pb

from services.campaigns import messages, tables
from services.campaigns.domain.campaign import Campaign, Standing, State
from services.campaigns.domain.run import Run, RunState
from services.runtime.database import Transaction


def _places(count: int) -> str:
    return ", ".join(f"${number}" for number in range(1, count + 1))


COLUMNS = tuple(tables.campaign.c.keys())
CAMPAIGN = ", ".join(COLUMNS)
RUN_COLUMNS = tuple(column.name for column in tables.run.c if column is not tables.run.c.fact)
RUN = ", ".join(RUN_COLUMNS)
NEWEST = b"\xff" * 13  # behind every id

FIND = f"SELECT {CAMPAIGN} FROM campaign WHERE id = $1"
OF_TENANT = " AND tenant = $2 AND deleted_at IS NULL"
SAVE = f"""
INSERT INTO campaign ({CAMPAIGN}) VALUES ({_places(len(COLUMNS))})
ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])}
"""
# Names in lower case by Unicode's rules, whatever locale the database was made with; not LIKE: nothing is special.
WANTED = """
    tenant = $1 AND project = $2 AND deleted_at IS NULL
    AND ($3::int[] IS NULL OR state = ANY($3))
    AND ($4::timestamptz IS NULL OR created_at >= $4) AND ($5::timestamptz IS NULL OR created_at < $5)
    AND ($6 = '' OR strpos(lower(display_name COLLATE pg_c_utf8), lower($6::text COLLATE pg_c_utf8)) > 0)
"""
PAGE = f"SELECT {CAMPAIGN} FROM campaign WHERE {WANTED} AND id < $7 ORDER BY id DESC OFFSET $8 LIMIT $9"
# One statement, and so one snapshot: a page that shows what its total does not count would be wrong.
COUNTED_PAGE = f"""
SELECT counted.total, page.* FROM (SELECT count(*) AS total FROM campaign WHERE {WANTED}) AS counted
  LEFT JOIN ({PAGE}) AS page ON true
 ORDER BY page.id DESC
"""
STANDINGS = """
SELECT c.id, c.tenant, c.project, c.state, c.revision, c.queued, c.updated_at, c.final
  FROM unnest($1::bytea[], $2::bigint[]) AS known(id, revision) JOIN campaign AS c ON c.id = known.id
 WHERE c.revision > known.revision
"""
ADD_RUN = f"INSERT INTO run ({RUN}, fact) VALUES ({_places(len(RUN_COLUMNS) + 1)})"
SAVE_RUN = f"UPDATE run SET ({RUN}) = ROW ({_places(len(RUN_COLUMNS))}) WHERE id = $1"


def _campaign(row: Mapping[str, Any]) -> Campaign:
    return Campaign(
        id=row["id"],
        tenant=row["tenant"],
        project=row["project"],
        definition=messages.definition_from(pb.Campaign.FromString(row["definition"]), row["project"]),
        state=State(row["state"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        revision=row["revision"],
        queued=row["queued"],
        epoch=row["epoch"],
        wanted=None if row["wanted"] is None else State(row["wanted"]),
        failure_reason=row["failure_reason"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        final=row["final"],
        deleted_at=row["deleted_at"],
    )


def _values(campaign: Campaign) -> dict[str, Any]:
    return {
        "id": campaign.id,
        "tenant": campaign.tenant,
        "project": campaign.project,
        "display_name": campaign.definition.display_name,
        "definition": messages.definition_to(campaign.definition, campaign.project).SerializeToString(),
        "labels": json.dumps(dict(campaign.definition.labels)),
        "state": int(campaign.state),
        "failure_reason": campaign.failure_reason,
        "revision": campaign.revision,
        "queued": campaign.queued,
        "epoch": campaign.epoch,
        "wanted": campaign.wanted,
        "final": campaign.final,
        "start_at": campaign.definition.start_at,
        "created_at": campaign.created_at,
        "updated_at": campaign.updated_at,
        "started_at": campaign.started_at,
        "ended_at": campaign.ended_at,
        "deleted_at": campaign.deleted_at,
    }


async def save(tx: Transaction, campaign: Campaign) -> None:
    """Store a new campaign, or one that was read for update."""
    values = _values(campaign)
    await tx.raw.execute(SAVE, *(values[column] for column in COLUMNS))


async def find(tx: Transaction, *, tenant: bytes | None, campaign: bytes, lock: bool = False) -> Campaign | None:
    """The tenant's campaign, unless it is deleted; with None any tenant's, deleted or not.

    With `lock`, nobody else changes it meanwhile.
    """
    query, values = (FIND, [campaign]) if tenant is None else (FIND + OF_TENANT, [campaign, tenant])
    row = await tx.raw.fetchrow(query + " FOR UPDATE" if lock else query, *values)
    return None if row is None else _campaign(row)


@dataclass(frozen=True, slots=True)
class Shown:
    """A campaign as it is shown, for whoever only looks at it."""

    id: bytes
    project: bytes
    resource: pb.Campaign


def _shown(row: Mapping[str, Any]) -> Shown:
    resource = messages.described(
        pb.Campaign.FromString(row["definition"]),
        project=row["project"],
        campaign=row["id"],
        state=row["state"],
        failure_reason=row["failure_reason"],
        queued=row["queued"],
        revision=row["revision"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )
    return Shown(row["id"], row["project"], resource)


async def show(tx: Transaction, *, tenant: bytes, campaign: bytes) -> Shown | None:
    """The tenant's campaign, unless it is deleted."""
    row = await tx.raw.fetchrow(FIND + OF_TENANT, campaign, tenant)
    return None if row is None else _shown(row)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which campaigns a list is of; None and empty mean any."""

    tenant: bytes
    project: bytes
    states: tuple[int, ...] = ()
    created_from: datetime.datetime | None = None
    created_before: datetime.datetime | None = None
    query: str = ""


@dataclass(frozen=True, slots=True)
class Slice:
    """Which of the wanted campaigns, newest first: those older than `before`, without the first `skip`."""

    before: bytes | None
    skip: int
    limit: int


async def list_page(tx: Transaction, wanted: Wanted, part: Slice) -> list[Shown]:
    """Campaigns, newest first."""
    return [_shown(row) for row in await tx.raw.fetch(PAGE, *_asked(wanted, part))]


async def list_counted_page(tx: Transaction, wanted: Wanted, part: Slice) -> tuple[list[Shown], int]:
    """Campaigns, newest first, and how many are wanted in all."""
    rows = await tx.raw.fetch(COUNTED_PAGE, *_asked(wanted, part))
    return [_shown(row) for row in rows if row["id"] is not None], rows[0]["total"]


def _asked(wanted: Wanted, part: Slice) -> tuple[Any, ...]:
    return (
        wanted.tenant,
        wanted.project,
        list(wanted.states) or None,
        wanted.created_from,
        wanted.created_before,
        wanted.query,
        part.before or NEWEST,
        part.skip,
        part.limit,
    )


async def standings(tx: Transaction, known: Mapping[bytes, int]) -> list[Standing]:
    """Those of these campaigns that exist, of any tenant, and whose revision is higher than the one that is known."""
    rows = await tx.raw.fetch(STANDINGS, list(known), list(known.values()))
    return [Standing(**{**row, "state": State(row["state"])}) for row in rows]


async def lock_due(tx: Transaction, *, now: datetime.datetime, limit: int) -> list[Campaign]:
    """Scheduled campaigns whose time has come and that no other process is starting."""
    due = f"state = {State.SCHEDULED:d} AND start_at <= $1 ORDER BY start_at LIMIT $2 FOR UPDATE SKIP LOCKED"
    return [_campaign(row) for row in await tx.raw.fetch(f"SELECT {CAMPAIGN} FROM campaign WHERE {due}", now, limit)]


async def next_start(tx: Transaction) -> datetime.datetime | None:
    """When the next scheduled campaign starts."""
    query = f"SELECT min(start_at) FROM campaign WHERE state = {State.SCHEDULED:d}"
    instant: datetime.datetime | None = await tx.raw.fetchval(query)
    return instant


async def find_wanting(tx: Transaction, *, older_than: datetime.datetime) -> list[Campaign]:
    """Campaigns whose last command to delivery has no known answer."""
    unanswered = "wanted IS NOT NULL AND updated_at < $1 LIMIT 100"
    return [
        _campaign(row) for row in await tx.raw.fetch(f"SELECT {CAMPAIGN} FROM campaign WHERE {unanswered}", older_than)
    ]


def _run(row: Mapping[str, Any]) -> Run:
    return Run(**{**row, "state": RunState(row["state"])})


async def add_run(tx: Transaction, run: Run, *, fact: bytes) -> None:
    """Store a new run with the fact that announces it."""
    await tx.raw.execute(ADD_RUN, *(getattr(run, column) for column in RUN_COLUMNS), fact)


async def save_run(tx: Transaction, run: Run) -> None:
    """Store a changed run."""
    await tx.raw.execute(SAVE_RUN, *(getattr(run, column) for column in RUN_COLUMNS))


async def runs_of(
    tx: Transaction, *, tenant: bytes, campaign: bytes, before: bytes | None = None, limit: int | None = None
) -> list[Run]:
    """The campaign's runs, newest first, older than `before`."""
    query = f"SELECT {RUN} FROM run WHERE tenant = $1 AND campaign = $2 AND id < $3 ORDER BY id DESC LIMIT $4"
    return [_run(row) for row in await tx.raw.fetch(query, tenant, campaign, before or NEWEST, limit)]


async def first_fact(tx: Transaction, *, tenant: bytes, campaign: bytes) -> bytes:
    """The fact that announced the campaign's first run."""
    query = "SELECT fact FROM run WHERE tenant = $1 AND campaign = $2 ORDER BY id LIMIT 1"
    fact: bytes = await tx.raw.fetchval(query, tenant, campaign)
    return fact


async def open_runs(tx: Transaction, *, limit: int) -> list[tuple[bytes, bytes, bytes]]:
    """(run, campaign, announcing fact) of runs that have not ended, oldest first, of all tenants."""
    is_open = f"state IN ({RunState.PREPARING:d}, {RunState.SENDING:d})"
    rows = await tx.raw.fetch(f"SELECT id, campaign, fact FROM run WHERE {is_open} ORDER BY id LIMIT $1", limit)
    return [(row["id"], row["campaign"], row["fact"]) for row in rows]
