"""Owns which topics this service reads and what it does with each fact.

Never minds their order, nor hearing a fact twice.
"""

from __future__ import annotations

import datetime

from carillon.campaigns.v1.campaigns_pb2 import Campaign
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle
from carillon.events.v1.endpoint_retired_pb2 import EndpointsRetired

from services.runtime import ids
from services.runtime.consumer import Subscription
from services.runtime.database import Transaction
from services.segments import contact_repository as contacts
from services.segments import use_cases
from services.topics import CAMPAIGN_LIFECYCLE, ENDPOINT_RETIRED

# campaign states after which nothing new is resolved → whether what is being resolved stops
ENDS = {
    Campaign.STATE_CANCELLED: True,
    Campaign.STATE_FAILED: True,
    Campaign.STATE_COMPLETED: False,
    Campaign.STATE_ARCHIVED: False,
}


def concerns(fact: CampaignLifecycle) -> bool:
    """A run started, or a campaign ended; the rest is nothing to this service."""
    return fact.HasField("run_started") or fact.state_changed.state in ENDS


async def handle_lifecycle(tx: Transaction, fact: CampaignLifecycle) -> None:
    """Resolve the audience, or stop."""
    kind = fact.WhichOneof("fact")
    if kind == "run_started":
        await use_cases.start_run(tx, fact)
    elif kind == "state_changed" and fact.state_changed.state in ENDS:
        change = fact.state_changed
        await use_cases.end_campaign(
            tx,
            tenant=fact.tenant,
            campaign=fact.campaign,
            stopped=ENDS[change.state],
            end_time=change.change_time.ToDatetime(datetime.UTC),
        )


async def handle_retired(tx: Transaction, fact: EndpointsRetired) -> None:
    """Endpoints are gone."""
    raw = fact.endpoints
    endpoints = [raw[start : start + ids.SIZE] for start in range(0, len(raw), ids.SIZE)]
    await contacts.retire(tx, fact.tenant, endpoints, fact.retire_time.ToDatetime(datetime.UTC))


SUBSCRIPTIONS = (
    Subscription(CAMPAIGN_LIFECYCLE.name, CampaignLifecycle, handle_lifecycle, concerns),
    Subscription(ENDPOINT_RETIRED.name, EndpointsRetired, handle_retired),
)
