"""Owns the shape of this service's tables, as SQLAlchemy sees it; migrations/ makes them.

Never holds a query.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData()

contact = sa.Table(
    "contact",
    metadata,
    sa.Column("tenant", pg.BYTEA, primary_key=True),
    sa.Column("project", pg.BYTEA, primary_key=True),
    sa.Column("id", pg.BYTEA, primary_key=True),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("country", sa.Text, nullable=False),
    sa.Column("locale", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("tags", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("attributes", pg.JSONB, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("push_count", sa.Integer, nullable=False),  # subscriptions that are not retired
    sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
    sa.UniqueConstraint("tenant", "project", "external_id"),
)

push_subscription = sa.Table(
    "push_subscription",
    metadata,
    sa.Column("tenant", pg.BYTEA, primary_key=True),
    sa.Column("project", pg.BYTEA, primary_key=True),
    sa.Column("contact", pg.BYTEA, primary_key=True),
    sa.Column("id", pg.BYTEA, primary_key=True),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("p256dh", pg.BYTEA, nullable=False),
    sa.Column("auth", pg.BYTEA, nullable=False),
    sa.Column("retire_time", sa.DateTime(timezone=True)),
    sa.UniqueConstraint("tenant", "project", "endpoint"),
    sa.UniqueConstraint("id", "tenant"),
)

attribute_key = sa.Table(
    "attribute_key",
    metadata,
    sa.Column("tenant", pg.BYTEA, primary_key=True),
    sa.Column("project", pg.BYTEA, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
)

segment = sa.Table(
    "segment",
    metadata,
    sa.Column("tenant", pg.BYTEA, primary_key=True),
    sa.Column("id", pg.BYTEA, primary_key=True),
    sa.Column("project", pg.BYTEA, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("filter", pg.BYTEA, nullable=False),  # a serialized Filter
    sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
    sa.Index("segment_of_project", "tenant", "project", "id"),
)

campaign = sa.Table(
    "campaign",
    metadata,
    sa.Column("campaign", pg.BYTEA, primary_key=True),
    sa.Column("tenant", pg.BYTEA, nullable=False),
    sa.Column("stopped", sa.Boolean, nullable=False),  # nothing of it is to be resolved any more
    sa.Column("end_time", sa.DateTime(timezone=True)),
)

audience = sa.Table(
    "audience",
    metadata,
    sa.Column("run", pg.BYTEA, primary_key=True),
    sa.Column("tenant", pg.BYTEA, nullable=False),
    sa.Column("project", pg.BYTEA, nullable=False),
    sa.Column("campaign", pg.BYTEA, nullable=False),
    sa.Column("fact", pg.BYTEA, nullable=False),  # the serialized CampaignLifecycle that told of the run
    sa.Column("filter", pg.BYTEA, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("batch_count", sa.Integer, nullable=False),
    sa.Column("message_count", sa.Integer, nullable=False),
    sa.Column("contact_count", sa.Integer, nullable=False),
    sa.Column("last_contact", pg.BYTEA, nullable=False),
    sa.Column("last_endpoint", pg.BYTEA, nullable=False),
    sa.Column("last_channel", sa.SmallInteger, nullable=False),
    sa.Column("failure_reason", sa.Text, nullable=False),
    sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    sa.Index("audience_of_campaign", "campaign"),
    sa.Index("audience_resolving", "run", postgresql_where=sa.text("state = 'RESOLVING'")),
)

audience_batch = sa.Table(
    "audience_batch",
    metadata,
    sa.Column("run", pg.BYTEA, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("first_contact", pg.BYTEA, nullable=False),
    sa.Column("first_endpoint", pg.BYTEA, nullable=False),
    sa.Column("last_contact", pg.BYTEA, nullable=False),
    sa.Column("last_endpoint", pg.BYTEA, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("digest", pg.BYTEA, nullable=False),
    sa.Column("recipients", pg.BYTEA, nullable=False),  # personal data, dropped 7 days after the run ended
)
