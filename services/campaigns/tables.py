"""Owns the shape of this service's tables, for building statements; migrations/ makes them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB

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

template = sa.Table(
    "template",
    metadata,
    sa.Column("id", BYTEA, primary_key=True),
    sa.Column("tenant", BYTEA, nullable=False),
    sa.Column("project", BYTEA, nullable=False),
    sa.Column("channel", sa.SmallInteger, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),  # the newest
    sa.Column("created_at", INSTANT, nullable=False),
)

template_version = sa.Table(
    "template_version",
    metadata,
    sa.Column("template", BYTEA, sa.ForeignKey("template.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("html", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("contact_fields", ARRAY(sa.Text), nullable=False),  # those it uses
    sa.Column("created_at", INSTANT, nullable=False),
)
