"""Owns the chassis' own tables, which every service's schema has: outbox, inbox, dead_letter.

Never changes them by itself: each service's first migration runs CHASSIS_TABLES.
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
