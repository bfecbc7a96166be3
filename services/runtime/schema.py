"""Owns the chassis' own tables: outbox, inbox, dead_letter in every service's schema; idempotency where POSTs are.

Never changes them by itself: each service's migrations run CHASSIS_TABLES and, where it is needed, IDEMPOTENCY_TABLE.
"""

from __future__ import annotations

CHASSIS_TABLES = """
CREATE TABLE outbox (
    event_id   bytea PRIMARY KEY,
    topic      text  NOT NULL,
    key        bytea NOT NULL,
    payload    bytea NOT NULL,
    request_id text  NOT NULL,
    stored_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE inbox (
    event_id bytea PRIMARY KEY,
    seen_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX inbox_seen_at ON inbox (seen_at);
CREATE TABLE dead_letter (
    event_id  bytea PRIMARY KEY,
    topic     text  NOT NULL,
    key       bytea,
    payload   bytea,
    problem   text  NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""

IDEMPOTENCY_TABLE = """
CREATE TABLE idempotency (
    tenant     bytea NOT NULL,
    key        text NOT NULL,
    digest     bytea NOT NULL,
    answer     bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);
"""
