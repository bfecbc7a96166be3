"""Owns the rows of templates and their versions: the only place that asks those tables.

Never changes a version, never commits.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from services.campaigns.domain.template import Template, Words
from services.campaigns.tables import template as template_table
from services.campaigns.tables import template_version as version_table
from services.runtime.database import Transaction

NEWEST = version_table.c.version == template_table.c.version


def _select(*, bodies: bool) -> sa.Select[Any]:
    """Templates with a version of each; without its bodies where a page of them would be too much."""
    version = version_table.c
    return sa.select(
        template_table.c.id,
        template_table.c.tenant,
        template_table.c.project,
        template_table.c.channel,
        template_table.c.created_at,
        version.version,
        version.display_name,
        version.subject,
        version.html if bodies else sa.literal("").label("html"),
        version.text if bodies else sa.literal("").label("text"),
        version.contact_fields,
        version.created_at.label("updated_at"),
    ).join(version_table, version.template == template_table.c.id)


def _template(row: sa.Row[Any]) -> Template:
    return Template(
        id=row.id,
        tenant=row.tenant,
        project=row.project,
        channel=row.channel,
        version=row.version,
        words=Words(display_name=row.display_name, subject=row.subject, html=row.html, text=row.text),
        fields=tuple(row.contact_fields),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def add(tx: Transaction, template: Template) -> None:
    """Store a new template with its first version."""
    await tx.execute(
        sa.insert(template_table).values(
            id=template.id,
            tenant=template.tenant,
            project=template.project,
            channel=template.channel,
            version=template.version,
            created_at=template.created_at,
        )
    )
    await add_version(tx, template)


async def add_version(tx: Transaction, template: Template) -> None:
    """Store a version, which is the newest from now on."""
    await tx.execute(
        sa.insert(version_table).values(
            template=template.id,
            version=template.version,
            display_name=template.words.display_name,
            subject=template.words.subject,
            html=template.words.html,
            text=template.words.text,
            contact_fields=list(template.fields),
            created_at=template.updated_at,
        )
    )
    statement = sa.update(template_table).where(template_table.c.id == template.id)
    await tx.execute(statement.values(version=template.version))


async def find(
    tx: Transaction, *, tenant: bytes, template: bytes, version: int | None = None, lock: bool = False
) -> Template | None:
    """The tenant's template in its newest version or the one asked for.

    With `lock`, nobody else changes it meanwhile.
    """
    if lock:  # first by itself: a join that waited would see the version from before
        await tx.execute(sa.select(template_table.c.id).where(template_table.c.id == template).with_for_update())
    statement = _select(bodies=True).where(template_table.c.tenant == tenant, template_table.c.id == template)
    statement = statement.where(NEWEST if version is None else version_table.c.version == version)
    row = (await tx.execute(statement)).one_or_none()
    return None if row is None else _template(row)


async def list_page(tx: Transaction, *, tenant: bytes, project: bytes, after: bytes, limit: int) -> list[Template]:
    """The project's templates behind this id, oldest first, as they are now, without bodies."""
    table = template_table.c
    statement = _select(bodies=False).where(NEWEST, table.tenant == tenant, table.project == project, table.id > after)
    return [_template(row) for row in await tx.execute(statement.order_by(table.id).limit(limit))]
