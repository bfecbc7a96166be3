"""Owns the event registry: which topics there are, what they carry, who writes and who reads them.

Never talks to Kafka: the topic keeper makes the topics from this list, and no topic's name stands anywhere else.
Every record's key is the tenant's 12 bytes and the 12 bytes that the proto file of the topic names.
"""

from __future__ import annotations

from dataclasses import dataclass

from carillon.events.v1.audience_batches_pb2 import AudienceBatch
from carillon.events.v1.audience_totals_pb2 import AudienceTotals
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle
from carillon.events.v1.endpoint_retired_pb2 import EndpointsRetired
from carillon.events.v1.message_outcomes_pb2 import OutcomeBatch
from carillon.events.v1.message_receipts_pb2 import ReceiptBatch
from carillon.events.v1.run_counted_pb2 import RunCounted
from carillon.events.v1.run_ended_pb2 import RunEnded
from google.protobuf.message import Message

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic; what a consumer cannot digest goes to the `dead_letter` table of that consumer's own schema."""

    name: str
    message: type[Message]
    producer: str
    consumers: tuple[str, ...]
    partitions: int
    retention_ms: int


CAMPAIGN_LIFECYCLE = Topic(
    "campaign-lifecycle", CampaignLifecycle, "campaigns", ("segments", "delivery", "analytics"), 4, 7 * DAY_MS
)
AUDIENCE_BATCHES = Topic("audience-batches", AudienceBatch, "segments", ("delivery",), 8, 2 * DAY_MS)
AUDIENCE_TOTALS = Topic("audience-totals", AudienceTotals, "segments", ("campaigns", "delivery"), 4, 7 * DAY_MS)
MESSAGE_OUTCOMES = Topic("message-outcomes", OutcomeBatch, "delivery", ("analytics",), 8, 7 * DAY_MS)
ENDPOINT_RETIRED = Topic("endpoint-retired", EndpointsRetired, "delivery", ("segments",), 4, 7 * DAY_MS)
MESSAGE_RECEIPTS = Topic("message-receipts", ReceiptBatch, "delivery", ("analytics",), 8, 7 * DAY_MS)
RUN_ENDED = Topic("run-ended", RunEnded, "delivery", ("analytics",), 4, 7 * DAY_MS)
RUN_COUNTED = Topic("run-counted", RunCounted, "analytics", ("campaigns",), 4, 7 * DAY_MS)

TOPICS: tuple[Topic, ...] = (
    CAMPAIGN_LIFECYCLE,
    AUDIENCE_BATCHES,
    AUDIENCE_TOTALS,
    MESSAGE_OUTCOMES,
    MESSAGE_RECEIPTS,
    ENDPOINT_RETIRED,
    RUN_ENDED,
    RUN_COUNTED,
)


def consumed_by(service: str) -> tuple[Topic, ...]:
    """The topics that a service reads."""
    return tuple(topic for topic in TOPICS if service in topic.consumers)
