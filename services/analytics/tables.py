"""Owns the shape of this service's tables, as SQLAlchemy sees it; migrations/ makes them.

Never holds a query.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData()

# Final messages are shown by the view `outcome`: these rows and, unfolded, the blocks below.
outcome_row = sa.Table(
    "outcome_row",
    metadata,
    sa.Column("run", pg.BYTEA, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("rank", sa.SmallInteger, nullable=False),
    sa.Column("channel", sa.SmallInteger, nullable=False),
    sa.Column("tenant", pg.BYTEA, nullable=False),
    sa.Column("campaign", pg.BYTEA, nullable=False),
    sa.Column("contact", pg.BYTEA, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)

# Messages that were sent and stand side by side in a batch. Nothing is above SENT, so a block never changes.
outcome_block = sa.Table(
    "outcome_block",
    metadata,
    sa.Column("run", pg.BYTEA, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("first", sa.Integer, primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("channel", sa.SmallInteger, nullable=False),
    sa.Column("tenant", pg.BYTEA, nullable=False),
    sa.Column("campaign", pg.BYTEA, nullable=False),
    sa.Column("contacts", pg.BYTEA, nullable=False),  # end to end
    sa.Column("at", pg.ARRAY(sa.BigInteger), nullable=False),  # milliseconds since 1970; one where all are the same
)

counter = sa.Table(
    "counter",
    metadata,
    sa.Column("run", pg.BYTEA, primary_key=True),
    sa.Column("state", sa.SmallInteger, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
)

receipt = sa.Table(
    "receipt",
    metadata,
    sa.Column("run", pg.BYTEA, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("kind", sa.SmallInteger, primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)

receipt_counter = sa.Table(
    "receipt_counter",
    metadata,
    sa.Column("run", pg.BYTEA, primary_key=True),
    sa.Column("kind", sa.SmallInteger, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("run", pg.BYTEA, primary_key=True),
    sa.Column("tenant", pg.BYTEA, nullable=False),
    sa.Column("campaign", pg.BYTEA, nullable=False),
    sa.Column("ended", pg.BYTEA),  # the serialized RunEnded, once heard
    sa.Column("counted", pg.BYTEA),  # the serialized RunCounted, once the rows equal it
    sa.Column("corrected_at", sa.DateTime(timezone=True)),  # when it was counted again after a correction
    sa.Index("run_of_campaign", "campaign"),
    sa.Index("run_uncounted", "run", postgresql_where=sa.text("counted IS NULL")),
)

campaign = sa.Table(
    "campaign",
    metadata,
    sa.Column("campaign", pg.BYTEA, primary_key=True),
    sa.Column("tenant", pg.BYTEA, nullable=False),
    sa.Column("project", pg.BYTEA, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("queued", sa.Integer, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),  # of the StateChanged this is from
    sa.Column("final", sa.Boolean, nullable=False),  # nothing about it will change any more
    sa.Index("campaign_open", "campaign", postgresql_where=sa.text("NOT final")),
)
