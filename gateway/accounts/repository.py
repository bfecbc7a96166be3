"""Owns the queries on the accounts' tables. Never decides anything."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gateway.accounts.tables import api_key, organization, project
from services.runtime.database import Transaction


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant."""

    id: bytes
    display_name: str
    created_at: datetime.datetime


@dataclass(frozen=True, slots=True)
class Project:
    """A workspace of a tenant."""

    tenant: bytes
    id: bytes
    display_name: str
    time_zone: str
    phone_region: str
    created_at: datetime.datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A tenant's key; its secret is not here, nor anywhere."""

    tenant: bytes
    id: bytes
    display_name: str
    hash: bytes
    projects: tuple[bytes, ...]
    created_at: datetime.datetime
    revoked_at: datetime.datetime | None


async def insert_organization(tx: Transaction, made: Organization) -> None:
    """Store a new organization."""
    await tx.execute(
        organization.insert().values(id=made.id, display_name=made.display_name, created_at=made.created_at)
    )


async def organization_exists(tx: Transaction, tenant: bytes) -> bool:
    """Whether there is such an organization."""
    found = await tx.execute(sa.select(organization.c.id).where(organization.c.id == tenant))
    return found.first() is not None


async def insert_project(tx: Transaction, made: Project) -> None:
    """Store a new project."""
    await tx.execute(project.insert().values({column.name: getattr(made, column.name) for column in project.c}))


async def find_project(tx: Transaction, *, tenant: bytes, project_id: bytes) -> Project | None:
    """The tenant's project, or None."""
    row = (await tx.execute(sa.select(project).where(project.c.tenant == tenant, project.c.id == project_id))).first()
    return Project(**row._mapping) if row else None


async def find_tenant(tx: Transaction, project_id: bytes) -> bytes | None:
    """Whose the project is, or None."""
    row = (await tx.execute(sa.select(project.c.tenant).where(project.c.id == project_id))).first()
    return row.tenant if row else None


async def list_projects(
    tx: Transaction, *, tenant: bytes, among: frozenset[bytes], after: bytes, limit: int
) -> list[Project]:
    """The tenant's projects with greater ids, oldest first; only those in `among` where it is not empty."""
    query = sa.select(project).where(project.c.tenant == tenant, project.c.id > after)
    if among:
        query = query.where(project.c.id.in_(among))
    rows = (await tx.execute(query.order_by(project.c.id).limit(limit))).all()
    return [Project(**row._mapping) for row in rows]


async def insert_key(tx: Transaction, made: ApiKey) -> None:
    """Store a new key's hash."""
    values = {column.name: getattr(made, column.name) for column in api_key.c}
    await tx.execute(api_key.insert().values(values | {"projects": list(made.projects)}))


async def find_key_by_hash(tx: Transaction, key_hash: bytes) -> ApiKey | None:
    """Whose key has this hash, or None; revoked ones too."""
    row = (await tx.execute(sa.select(api_key).where(api_key.c.hash == key_hash))).first()
    return _key(row) if row else None


async def revoke_key(tx: Transaction, *, tenant: bytes, key_id: bytes, now: datetime.datetime) -> ApiKey | None:
    """End the tenant's key, the first time for good; None where there is none."""
    ended = (
        api_key.update()
        .where(api_key.c.tenant == tenant, api_key.c.id == key_id)
        .values(revoked_at=sa.func.coalesce(api_key.c.revoked_at, now))
        .returning(*api_key.c)
    )
    row = (await tx.execute(ended)).first()
    return _key(row) if row else None


def _key(row: sa.Row[Any]) -> ApiKey:
    return ApiKey(**{**row._mapping, "projects": tuple(row.projects)})
