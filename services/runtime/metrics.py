"""Owns the names of all metrics, so that nobody makes up a second one."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RPCS = Counter("carillon_rpcs_total", "Calls answered, by method and status code.", ["method", "code"])
RPC_SECONDS = Histogram(
    "carillon_rpc_seconds",
    "How long unary calls took.",
    ["method"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
EVENTS_PUBLISHED = Counter("carillon_events_published_total", "Events that Kafka acknowledged.", ["topic"])
EVENTS_CONSUMED = Counter("carillon_events_consumed_total", "Events whose effect is committed.", ["topic"])
EVENT_RETRIES = Counter("carillon_event_retries_total", "Events that had to be tried again.", ["topic"])
DEAD_LETTERS = Counter("carillon_dead_letters_total", "Events parked for a person to look at.", ["topic"])
OUTBOX_AGE = Gauge("carillon_outbox_age_seconds", "Age of the oldest event that Kafka has not acknowledged.")
PULL_FAILURES = Counter("carillon_pull_failures_total", "Pulls that failed and will be repeated.", ["hop"])
MESSAGES = Counter("carillon_messages_total", "Messages recorded, by final state.", ["state"])
PROVIDER_ANSWERS = Counter("carillon_provider_answers_total", "Answers of providers, by kind.", ["channel", "kind"])
CLAIMS_LOST = Counter("carillon_claims_fenced_total", "Claims that another process had taken over before the record.")
CLAIMS_TAKEN = Counter("carillon_claims_taken_over_total", "Claims of dead processes that were taken over.")
STREAMS = Gauge("carillon_streams", "Progress streams that are open.")
