"""Owns the shape of this service's tables, for building statements; migrations/ makes them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, INT4MULTIRANGE

metadata = sa.MetaData()
INSTANT = sa.DateTime(timezone=True)

# A run as this service knows it: `fact` announced it, `total` is known once the audience is frozen.
run = sa.Table(
    "run",
    metadata,
    sa.Column("id", BYTEA, primary_key=True),
    sa.Column("tenant", BYTEA, nullable=False),
    sa.Column("project", BYTEA, nullable=False),
    sa.Column("campaign", BYTEA, nullable=False),
    sa.Column("fact", BYTEA, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("expires_at", INSTANT, nullable=False),
    sa.Column("ended_at", INSTANT),
    sa.Column("ended_fact", BYTEA),
    sa.Column("corrections", sa.Integer, nullable=False, server_default="0"),  # of its numbers, since it ended
    sa.Column("corrected_at", INSTANT),
)
# How large a run's audience is; may come before the run itself.
total = sa.Table(
    "total",
    metadata,
    sa.Column("run", BYTEA, primary_key=True),
    sa.Column("messages", sa.Integer, nullable=False),
)
# What an operator wants of a campaign; written by commands only, and never locked by anything else.
control = sa.Table(
    "control",
    metadata,
    sa.Column("campaign", BYTEA, primary_key=True),
    sa.Column("tenant", BYTEA, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
)
# Who does not want to be messaged; `version` is the one that suppression_version had with it.
suppression = sa.Table(
    "suppression",
    metadata,
    sa.Column("tenant", BYTEA, primary_key=True),
    sa.Column("contact", BYTEA, primary_key=True),
    sa.Column("channel", sa.SmallInteger, primary_key=True),
    sa.Column("project", BYTEA, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("suppressed_at", INSTANT, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Index("suppression_of_project", "tenant", "project", "contact", "channel"),
    sa.Index("suppression_since", "tenant", "version"),
)
# Addresses that nobody can be reached at, in lower case.
address_suppression = sa.Table(
    "address_suppression",
    metadata,
    sa.Column("tenant", BYTEA, primary_key=True),
    sa.Column("project", BYTEA, primary_key=True),
    sa.Column("channel", sa.SmallInteger, primary_key=True),
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("suppressed_at", INSTANT, nullable=False),
)
suppression_version = sa.Table(
    "suppression_version",
    metadata,
    sa.Column("tenant", BYTEA, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)
# `first_contact` and `last_contact` bound whose messages it has; absent in chunks of before there were such columns.
chunk = sa.Table(
    "chunk",
    metadata,
    sa.Column("run", BYTEA, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("digest", BYTEA, nullable=False),
    sa.Column("recipients", BYTEA),
    sa.Column("first_contact", BYTEA),
    sa.Column("last_contact", BYTEA),
)
due = sa.Table(
    "due",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("run", BYTEA, nullable=False),
    sa.Column("batch", sa.Integer, nullable=False),
    sa.Column("positions", INT4MULTIRANGE, nullable=False),
    sa.Column("due_at", INSTANT, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("doubtful", sa.Boolean, nullable=False),
)
claim = sa.Table(
    "claim",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("run", BYTEA, nullable=False),
    sa.Column("batch", sa.Integer, nullable=False),
    sa.Column("positions", INT4MULTIRANGE, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("lease_until", INSTANT, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("doubtful", sa.Boolean, nullable=False),
    sa.Column("for_sending", sa.Boolean, nullable=False, server_default=sa.true()),
)
# Final messages are shown by the view `outcome`: these rows and, unfolded, the blocks below.
outcome_row = sa.Table(
    "outcome_row",
    metadata,
    sa.Column("run", BYTEA, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("contact", BYTEA, nullable=False),
    sa.Column("endpoint", BYTEA, nullable=False),
    sa.Column("channel", sa.SmallInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("code", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("repeated", sa.Boolean, nullable=False),
    sa.Column("final_at", INSTANT, nullable=False),
    sa.Column("retried_by", BYTEA),  # the run that sends it again
    sa.Index("outcome_unsent", "run", "state", "batch", "position", postgresql_where=sa.text("state <> 2")),
)
# Messages that were accepted and stand side by side in a batch. Nothing is above SENT, so a block never changes.
outcome_block = sa.Table(
    "outcome_block",
    metadata,
    sa.Column("run", BYTEA, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("first", sa.Integer, primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("channel", sa.SmallInteger, nullable=False),
    sa.Column("contacts", BYTEA, nullable=False),  # end to end
    sa.Column("endpoints", BYTEA, nullable=False),  # end to end, or empty where the channel has none
    sa.Column("code", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("repeated", sa.Boolean, nullable=False),
    sa.Column("final_at", ARRAY(sa.BigInteger), nullable=False),  # microseconds since 1970; one where all are the same
)
# Retry runs, and whether they have taken all that they ever will.
retry = sa.Table(
    "retry",
    metadata,
    sa.Column("run", BYTEA, primary_key=True),
    sa.Column("campaign", BYTEA, nullable=False),
    sa.Column("settled", sa.Boolean, nullable=False),
)
# Attempts that did not end their message; of one that did, the outcome tells. `attempt` counts from 1.
attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("run", BYTEA, nullable=False),
    sa.Column("batch", sa.Integer, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("code", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", INSTANT, nullable=False),
    sa.Index("attempt_of_message", "run", "batch", "position"),
)
# Answers that came after another process had taken the claim over.
late_outcome = sa.Table(
    "late_outcome",
    metadata,
    sa.Column("run", BYTEA, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("rank", sa.SmallInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("code", sa.Integer, nullable=False),
    sa.Column("answered_at", INSTANT, nullable=False),
)
# What people did with messages, once per message and kind; may come before the outcome.
receipt = sa.Table(
    "receipt",
    metadata,
    sa.Column("run", BYTEA, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("kind", sa.SmallInteger, primary_key=True),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("at", INSTANT, nullable=False),
)
# How many receipts a run has, and since when: what is asked where events may be lost.
receipt_count = sa.Table(
    "receipt_count",
    metadata,
    sa.Column("run", BYTEA, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("changed_at", INSTANT, nullable=False),
    sa.Index("receipt_count_changed", "changed_at"),
)
vapid_key = sa.Table(
    "vapid_key",
    metadata,
    sa.Column("tenant", BYTEA, primary_key=True),
    sa.Column("project", BYTEA, primary_key=True),
    sa.Column("public_key", BYTEA, nullable=False),
    sa.Column("sealed_private_key", BYTEA, nullable=False),
)
provider_account = sa.Table(
    "provider_account",
    metadata,
    sa.Column("tenant", BYTEA, primary_key=True),
    sa.Column("id", BYTEA, primary_key=True),
    sa.Column("project", BYTEA, nullable=False),
    sa.Column("account", BYTEA, nullable=False),
    sa.Column("sealed_secret", BYTEA, nullable=False),
    sa.Column("create_time", INSTANT, nullable=False),
)
