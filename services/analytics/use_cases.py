"""Owns what the facts do to the rows and counters, one function each.

Never minds their order, nor hearing one twice.
"""

from __future__ import annotations

import structlog
from carillon.events.v1.message_outcomes_pb2 import OutcomeBatch
from carillon.events.v1.message_receipts_pb2 import ReceiptBatch
from carillon.events.v1.run_ended_pb2 import RunEnded

from services.analytics import receipt_repository, repository
from services.analytics.messages import counted_event, publish_counted, read_counts, read_outcomes, read_receipts
from services.runtime.database import Transaction

log = structlog.get_logger()


async def record_outcomes(tx: Transaction, event: OutcomeBatch) -> None:
    """Store a batch of final messages; if it was the last of an ended run, the run is counted."""
    outcomes = read_outcomes(event)
    run = await repository.lock_run(tx, run=event.run, tenant=event.tenant, campaign=event.campaign)
    await repository.store_outcomes(tx, outcomes)
    if run.ended is not None and not run.is_counted:
        await _count(tx, RunEnded.FromString(run.ended))


async def record_receipts(tx: Transaction, event: ReceiptBatch) -> None:
    """Store what people did; the first word of a kind about a message counts, whether its outcome is here or not."""
    receipts = read_receipts(event)
    await repository.meet_run(tx, run=event.run, tenant=event.tenant, campaign=event.campaign)
    await receipt_repository.store(tx, receipts)


async def end_run(tx: Transaction, event: RunEnded) -> None:
    """Keep delivery's totals of a run; of two, those with more corrections are the truth, and counted again."""
    run = await repository.lock_run(tx, run=event.run, tenant=event.tenant, campaign=event.campaign)
    known = -1 if run.ended is None else RunEnded.FromString(run.ended).correction
    if event.correction < known or (event.correction == known and run.is_counted):
        return
    await repository.set_ended(tx, event.run, event.SerializeToString())
    await _count(tx, event)


async def _count(tx: Transaction, ended: RunEnded) -> None:
    """Say that the run is counted, if its rows are what delivery says; the counters tell when counting is worth it."""
    totals = read_counts(ended.counts)
    if await repository.read_counters(tx, [ended.run]) != totals:
        return
    rows = await repository.count_rows(tx, [ended.run])
    if rows != totals:
        log.error("counters differ from their rows", run=ended.run.hex(), rows=str(rows), counters=str(totals))
        return
    event = counted_event(ended)
    await repository.set_counted(tx, ended.run, event.SerializeToString(), correction=ended.correction)
    await publish_counted(tx, event)
