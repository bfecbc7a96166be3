"""Owns the shape of the accounts' tables, for building statements; migrations/ makes them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

metadata = sa.MetaData()
INSTANT = sa.DateTime(timezone=True)

organization = sa.Table(
    "organization",
    metadata,
    sa.Column("id", BYTEA, primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
)

project = sa.Table(
    "project",
    metadata,
    sa.Column("tenant", BYTEA, sa.ForeignKey("organization.id"), primary_key=True),
    sa.Column("id", BYTEA, primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("phone_region", sa.Text, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Index("project_by_id", "id", unique=True),
)

api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("tenant", BYTEA, sa.ForeignKey("organization.id"), primary_key=True),
    sa.Column("id", BYTEA, primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("hash", BYTEA, nullable=False, unique=True),  # SHA-256 of the secret
    sa.Column("projects", ARRAY(BYTEA), nullable=False),  # empty: all of the organization's
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("revoked_at", INSTANT),
)
