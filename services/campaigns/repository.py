"""Owns this service's rows: the only place that asks its tables.

Never commits: each function works inside the caller's transaction.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from carillon.campaigns.v1 import campaigns_pb2 as pb

from services.campaigns import messages
from services.campaigns.domain.campaign import Campaign, State
from services.campaigns.domain.run import Run, RunState
from services.campaigns.tables import campaign as campaign_table
from services.campaigns.tables import run as run_table
from services.runtime.database import Transaction


def _campaign(row: sa.Row[Any]) -> Campaign:
    return Campaign(
        id=row.id,
        tenant=row.tenant,
        project=row.project,
        definition=messages.definition_from(pb.Campaign.FromString(row.definition), row.project),
        state=State(row.state),
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
        queued=row.queued,
        epoch=row.epoch,
        wanted=None if row.wanted is None else State(row.wanted),
        failure_reason=row.failure_reason,
        started_at=row.started_at,
        ended_at=row.ended_at,
        final=row.final,
        deleted_at=row.deleted_at,
    )


def _values(campaign: Campaign) -> dict[str, Any]:
    return {
        "id": campaign.id,
        "tenant": campaign.tenant,
        "project": campaign.project,
        "display_name": campaign.definition.display_name,
        "definition": messages.definition_to(campaign.definition, campaign.project).SerializeToString(),
        "labels": dict(campaign.definition.labels),
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


async def add(tx: Transaction, campaign: Campaign) -> None:
    """Store a new campaign."""
    await tx.execute(sa.insert(campaign_table).values(_values(campaign)))


async def save(tx: Transaction, campaign: Campaign) -> None:
    """Store a campaign that was read for update."""
    await tx.execute(sa.update(campaign_table).where(campaign_table.c.id == campaign.id).values(_values(campaign)))


async def find(tx: Transaction, *, tenant: bytes | None, campaign: bytes, lock: bool = False) -> Campaign | None:
    """The tenant's campaign, unless it is deleted; with None any tenant's, deleted or not.

    With `lock`, nobody else changes it meanwhile.
    """
    statement = sa.select(campaign_table).where(campaign_table.c.id == campaign)
    if tenant is not None:
        statement = statement.where(campaign_table.c.tenant == tenant, campaign_table.c.deleted_at.is_(None))
    if lock:
        statement = statement.with_for_update()
    row = (await tx.execute(statement)).one_or_none()
    return None if row is None else _campaign(row)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which campaigns a list is of; None and empty mean any."""

    tenant: bytes
    project: bytes
    states: tuple[int, ...] = ()
    created_from: datetime.datetime | None = None
    created_before: datetime.datetime | None = None
    query: str = ""

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """As SQL."""
        table = campaign_table.c
        conditions = [table.tenant == self.tenant, table.project == self.project, table.deleted_at.is_(None)]
        if self.states:
            conditions.append(table.state.in_(self.states))
        if self.created_from is not None:
            conditions.append(table.created_at >= self.created_from)
        if self.created_before is not None:
            conditions.append(table.created_at < self.created_before)
        if self.query:  # not LIKE: nothing in it is special
            conditions.append(sa.func.strpos(_folded(table.display_name), _folded(sa.literal(self.query))) > 0)
        return conditions


def _folded(text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """In lower case by Unicode's rules, whatever locale the database was made with."""
    return sa.func.lower(sa.collate(text, "pg_c_utf8"))


async def list_page(tx: Transaction, wanted: Wanted, *, before: bytes | None, skip: int, limit: int) -> list[Campaign]:
    """Campaigns, newest first, older than `before`, without the first `skip`."""
    statement = sa.select(campaign_table).where(*wanted.conditions())
    if before is not None:
        statement = statement.where(campaign_table.c.id < before)
    rows = await tx.execute(statement.order_by(campaign_table.c.id.desc()).offset(skip).limit(limit))
    return [_campaign(row) for row in rows]


async def count(tx: Transaction, wanted: Wanted) -> int:
    """How many there are."""
    statement = sa.select(sa.func.count()).select_from(campaign_table).where(*wanted.conditions())
    return int((await tx.execute(statement)).scalar_one())


async def find_many(tx: Transaction, campaigns: Sequence[bytes]) -> list[Campaign]:
    """Those of these campaigns that exist, of any tenant."""
    rows = await tx.execute(sa.select(campaign_table).where(campaign_table.c.id.in_(campaigns)))
    return [_campaign(row) for row in rows]


async def lock_due(tx: Transaction, *, now: datetime.datetime, limit: int) -> list[Campaign]:
    """Scheduled campaigns whose time has come and that no other process is starting."""
    table = campaign_table.c
    rows = await tx.execute(
        sa.select(campaign_table)
        .where(table.state == int(State.SCHEDULED), table.start_at <= now)
        .order_by(table.start_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_campaign(row) for row in rows]


async def next_start(tx: Transaction) -> datetime.datetime | None:
    """When the next scheduled campaign starts."""
    table = campaign_table.c
    return (
        await tx.execute(sa.select(sa.func.min(table.start_at)).where(table.state == int(State.SCHEDULED)))
    ).scalar()


async def find_wanting(tx: Transaction, *, older_than: datetime.datetime) -> list[Campaign]:
    """Campaigns whose last command to delivery has no known answer."""
    table = campaign_table.c
    rows = await tx.execute(
        sa.select(campaign_table).where(table.wanted.is_not(None), table.updated_at < older_than).limit(100)
    )
    return [_campaign(row) for row in rows]


def _run(row: sa.Row[Any]) -> Run:
    return Run(
        id=row.id,
        tenant=row.tenant,
        campaign=row.campaign,
        state=RunState(row.state),
        message_count=row.message_count,
        contact_count=row.contact_count,
        queued=row.queued,
        failure_reason=row.failure_reason,
        started_at=row.started_at,
        ended_at=row.ended_at,
        correction=row.correction,
    )


def _run_values(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "tenant": run.tenant,
        "campaign": run.campaign,
        "state": int(run.state),
        "failure_reason": run.failure_reason,
        "message_count": run.message_count,
        "contact_count": run.contact_count,
        "queued": run.queued,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "correction": run.correction,
    }


async def add_run(tx: Transaction, run: Run, *, fact: bytes) -> None:
    """Store a new run with the fact that announces it."""
    await tx.execute(sa.insert(run_table).values(_run_values(run) | {"fact": fact}))


async def save_run(tx: Transaction, run: Run) -> None:
    """Store a changed run."""
    await tx.execute(sa.update(run_table).where(run_table.c.id == run.id).values(_run_values(run)))


async def runs_of(
    tx: Transaction, *, tenant: bytes, campaign: bytes, before: bytes | None = None, limit: int | None = None
) -> list[Run]:
    """The campaign's runs, newest first, older than `before`."""
    table = run_table.c
    statement = sa.select(run_table).where(table.tenant == tenant, table.campaign == campaign)
    if before is not None:
        statement = statement.where(table.id < before)
    return [_run(row) for row in await tx.execute(statement.order_by(table.id.desc()).limit(limit))]


async def first_fact(tx: Transaction, *, tenant: bytes, campaign: bytes) -> bytes:
    """The fact that announced the campaign's first run."""
    table = run_table.c
    statement = sa.select(table.fact).where(table.tenant == tenant, table.campaign == campaign)
    fact: bytes = (await tx.execute(statement.order_by(table.id).limit(1))).scalar_one()
    return fact


async def open_runs(tx: Transaction, *, limit: int) -> list[tuple[bytes, bytes, bytes]]:
    """(run, campaign, announcing fact) of runs that have not ended, oldest first, of all tenants."""
    table = run_table.c
    rows = await tx.execute(
        sa.select(table.id, table.campaign, table.fact)
        .where(table.state.in_([int(RunState.PREPARING), int(RunState.SENDING)]))
        .order_by(table.id)
        .limit(limit)
    )
    return [(row.id, row.campaign, row.fact) for row in rows]
