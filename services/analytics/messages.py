"""Owns the events and messages of this service: read from what others write, built from what is stored.

Never stores or sends them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.delivery.v1.delivery_pb2 import ReceiptCounts as ReceiptCountsMessage
from carillon.delivery.v1.delivery_pb2 import StateCounts
from carillon.events.v1.message_outcomes_pb2 import OutcomeBatch
from carillon.events.v1.message_receipts_pb2 import ReceiptBatch
from carillon.events.v1.run_counted_pb2 import RunCounted
from carillon.events.v1.run_ended_pb2 import RunEnded

from services import names
from services.analytics.domain.counts import Counts
from services.analytics.domain.outcomes import Outcomes
from services.analytics.domain.receipts import ReceiptCounts, ReceiptKind, Receipts
from services.analytics.domain.snapshot import Snapshot
from services.message_states import RANKS
from services.runtime import ids
from services.runtime.database import Transaction
from services.runtime.errors import Invalid
from services.runtime.outbox import publish
from services.topics import RUN_COUNTED

KINDS = frozenset(int(kind) for kind in ReceiptKind)


def read_outcomes(event: OutcomeBatch) -> Outcomes:
    """The batch as columns; Invalid where they do not fit or a state is not a final one."""
    size, rest = divmod(len(event.contacts), ids.SIZE)
    columns = (event.positions, event.states, event.reasons, event.times, event.channels)
    fits = {len(column) for column in columns} <= {1, size} and not rest
    if not fits or not RANKS.keys() >= set(event.states):
        raise Invalid("OUTCOMES_MALFORMED", "Columns differ in length, or a state is not final.")
    return Outcomes(
        tenant=event.tenant,
        campaign=event.campaign,
        run=event.run,
        batch=event.batch,
        positions=_positions(event.positions, size),
        channels=list(event.channels),
        states=list(event.states),
        reason_words=list(event.reason_words),
        reasons=list(event.reasons),
        contacts=event.contacts,
        times=list(event.times),
    )


def _positions(column: Sequence[int], size: int) -> Sequence[int]:
    """Of each; one alone is the first of those that stand side by side."""
    return range(column[0], column[0] + size) if len(column) == 1 else list(column)


def read_receipts(event: ReceiptBatch) -> Receipts:
    """The batch as columns; Invalid where they are not of one length or a kind is unknown."""
    lengths = {len(event.batches), len(event.positions), len(event.kinds), len(event.times)}
    if len(lengths) != 1 or not set(event.kinds) <= KINDS:
        raise Invalid("RECEIPTS_MALFORMED", "Columns differ in length, or a kind is unknown.")
    return Receipts(
        tenant=event.tenant,
        campaign=event.campaign,
        run=event.run,
        batches=list(event.batches),
        positions=list(event.positions),
        kinds=list(event.kinds),
        times=list(event.times),
    )


def read_counts(message: StateCounts) -> Counts:
    """Delivery's totals of a run that has ended."""
    return Counts(
        sent=message.sent,
        failed=message.failed,
        suppressed=message.suppressed,
        cancelled=message.cancelled,
        expired=message.expired,
        unknown=message.unknown,
    )


def write_counts(counts: Counts) -> StateCounts:
    """Ours, in delivery's words."""
    return StateCounts(
        sent=counts.sent,
        failed=counts.failed,
        suppressed=counts.suppressed,
        cancelled=counts.cancelled,
        expired=counts.expired,
        unknown=counts.unknown,
    )


def write_receipt_counts(counts: ReceiptCounts) -> ReceiptCountsMessage:
    """The same for receipts."""
    return ReceiptCountsMessage(clicked=counts.clicked, dismissed=counts.dismissed, unsubscribed=counts.unsubscribed)


def counted_event(ended: RunEnded) -> RunCounted:
    """The fact that our rows say what delivery said."""
    return RunCounted(
        tenant=ended.tenant,
        campaign=ended.campaign,
        run=ended.run,
        state=ended.state,
        counts=ended.counts,
        end_time=ended.end_time,
        correction=ended.correction,
    )


async def publish_counted(tx: Transaction, event: RunCounted) -> None:
    """Announce it with the transaction that found it; the same correction of the same run is the same event."""
    corrected = b"%d" % event.correction if event.correction else b""
    await publish(
        tx,
        topic=RUN_COUNTED.name,
        key=event.tenant + event.run,
        event=event,
        event_id=hashlib.blake2b(b"run-counted" + event.run + corrected, digest_size=16).digest(),
    )


def write_stats(snapshot: Snapshot) -> CampaignStats:
    """A snapshot as users see it. Web push has no later receipt: acceptance is SENT and DELIVERED together."""
    counts = snapshot.counts
    return CampaignStats(
        name=names.join(("projects", snapshot.project), ("campaigns", snapshot.campaign)) + "/stats",
        queued=snapshot.queued,
        sent=counts.sent,
        delivered=counts.sent,
        clicked=snapshot.receipts.clicked,
        dismissed=snapshot.receipts.dismissed,
        unsubscribed=snapshot.receipts.unsubscribed,
        failed=counts.failed,
        suppressed=counts.suppressed,
        cancelled=counts.cancelled,
        expired=counts.expired,
        unknown=counts.unknown,
        state=snapshot.state,  # type: ignore[arg-type]  # the number is the enum's own
        update_time=snapshot.at,
        revision=snapshot.revision,
        final=snapshot.final,
    )
