"""When a campaign's numbers are news, and when they are the last."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from carillon.campaigns.v1.campaigns_pb2 import Campaign

from services.analytics.domain.counts import Counts
from services.analytics.domain.receipts import ReceiptCounts
from services.analytics.domain.snapshot import Snapshot

ACTIVE = Snapshot(
    tenant=b"t",
    project=b"p",
    campaign=b"c",
    state=Campaign.STATE_ACTIVE,
    queued=10,
    counts=Counts(sent=4),
    receipts=ReceiptCounts(),
    campaign_revision=3,
    final=False,
    at=datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC),
)


def snapshot(**changes: Any) -> Snapshot:
    return dataclasses.replace(ACTIVE, **changes)


def test_more_messages_and_a_new_state_are_news() -> None:
    assert snapshot(counts=Counts(sent=5)).news_after(ACTIVE)
    assert snapshot(receipts=ReceiptCounts(clicked=1)).news_after(ACTIVE)
    assert snapshot(receipts=ReceiptCounts(dismissed=1)).news_after(ACTIVE)
    assert snapshot(campaign_revision=4, state=Campaign.STATE_PAUSED).news_after(ACTIVE)


def test_the_same_and_what_is_older_are_no_news() -> None:
    assert not snapshot(at=ACTIVE.at + datetime.timedelta(seconds=1)).news_after(ACTIVE)
    assert not ACTIVE.news_after(snapshot(counts=Counts(sent=5)))


def test_the_end_is_news_even_with_the_same_numbers() -> None:
    cancelled = snapshot(state=Campaign.STATE_CANCELLED)
    settled = dataclasses.replace(cancelled, final=True)

    assert not cancelled.is_last
    assert settled.is_last
    assert settled.news_after(cancelled)
