"""Owns the shape of this service's tables, for building statements; migrations/ makes them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB

metadata = sa.MetaData()
INSTANT = sa.DateTime(timezone=True)

campaign = sa.Table(
    "campaign",
    metadata,
    sa.Column("id", BYTEA, primary_key=True),
    sa.Column("tenant", BYTEA, nullable=False),
    sa.Column("project", BYTEA, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("definition", BYTEA, nullable=False),  # a serialized carillon.campaigns.v1.Campaign
    sa.Column("labels", JSONB, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("failure_reason", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("queued", sa.Integer, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("wanted", sa.SmallInteger),
    sa.Column("final", sa.Boolean, nullable=False),
    sa.Column("start_at", INSTANT),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("updated_at", INSTANT, nullable=False),
    sa.Column("started_at", INSTANT),
    sa.Column("ended_at", INSTANT),
    sa.Column("deleted_at", INSTANT),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", BYTEA, primary_key=True),
    sa.Column("tenant", BYTEA, nullable=False),
    sa.Column("campaign", BYTEA, sa.ForeignKey("campaign.id"), nullable=False),
    sa.Column("fact", BYTEA, nullable=False),  # the serialized CampaignLifecycle that announced it
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("failure_reason", sa.Text, nullable=False),
    sa.Column("message_count", sa.Integer, nullable=False),
    sa.Column("contact_count", sa.Integer, nullable=False),
    sa.Column("queued", sa.Integer, nullable=False),
    sa.Column("started_at", INSTANT, nullable=False),
    sa.Column("ended_at", INSTANT),
    sa.Column("correction", sa.Integer, nullable=False, server_default="0"),
)
