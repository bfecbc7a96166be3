"""Owns which topics this service reads and what it does with each fact."""

from __future__ import annotations

from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle
from carillon.events.v1.message_outcomes_pb2 import OutcomeBatch
from carillon.events.v1.message_receipts_pb2 import ReceiptBatch
from carillon.events.v1.run_ended_pb2 import RunEnded

from services.analytics import repository, use_cases
from services.runtime.consumer import Subscription
from services.runtime.database import Transaction
from services.topics import CAMPAIGN_LIFECYCLE, MESSAGE_OUTCOMES, MESSAGE_RECEIPTS, RUN_ENDED


async def handle_lifecycle(tx: Transaction, fact: CampaignLifecycle) -> None:
    """A run started, or a campaign's state changed."""
    kind = fact.WhichOneof("fact")
    if kind == "run_started":
        await repository.meet_run(tx, run=fact.run_started.run, tenant=fact.tenant, campaign=fact.campaign)
    elif kind == "state_changed":
        change = fact.state_changed
        await repository.put_campaign(
            tx,
            campaign=fact.campaign,
            tenant=fact.tenant,
            project=fact.project,
            state=change.state,
            queued=change.queued_message_count,
            revision=change.revision,
            final=change.final,
        )


SUBSCRIPTIONS = (
    Subscription(CAMPAIGN_LIFECYCLE.name, CampaignLifecycle, handle_lifecycle),
    Subscription(MESSAGE_OUTCOMES.name, OutcomeBatch, use_cases.record_outcomes),
    Subscription(MESSAGE_RECEIPTS.name, ReceiptBatch, use_cases.record_receipts),
    Subscription(RUN_ENDED.name, RunEnded, use_cases.end_run),
)
