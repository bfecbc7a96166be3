"""Owns the statements on saved segments.

Never decides who may see one: every statement is of one tenant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from services.runtime.database import Transaction
from services.segments.tables import segment

SegmentRow = sa.Row[Any]


async def insert_segment(
    tx: Transaction, *, tenant: bytes, project: bytes, segment_id: bytes, display_name: str, tree: bytes
) -> SegmentRow:
    """Store a segment and answer its row."""
    values = {"tenant": tenant, "project": project, "id": segment_id, "display_name": display_name, "filter": tree}
    now = sa.func.clock_timestamp()
    statement = sa.insert(segment).values(**values, create_time=now, update_time=now).returning(segment)
    return (await tx.execute(statement)).one()


async def find_segment(tx: Transaction, tenant: bytes, project: bytes | None, segment_id: bytes) -> SegmentRow | None:
    """The segment, in this project or, where None, in any of the tenant's."""
    statement = sa.select(segment).where(segment.c.tenant == tenant, segment.c.id == segment_id)
    if project is not None:
        statement = statement.where(segment.c.project == project)
    return (await tx.execute(statement)).first()


async def list_segments(
    tx: Transaction, tenant: bytes, project: bytes, *, after: bytes, limit: int
) -> Sequence[SegmentRow]:
    """The project's segments behind this id, oldest first."""
    statement = (
        sa.select(segment)
        .where(segment.c.tenant == tenant, segment.c.project == project, segment.c.id > after)
        .order_by(segment.c.id)
        .limit(limit)
    )
    return (await tx.execute(statement)).all()
