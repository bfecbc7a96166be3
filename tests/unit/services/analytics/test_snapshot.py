"""When a campaign's numbers are news, and when they are the last."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest
from carillon.campaigns.v1.campaigns_pb2 import Campaign

from services.analytics.domain.counts import Counts
from services.analytics.domain.snapshot import ENDS, CampaignState, Snapshot

ACTIVE = Snapshot(
    tenant=b"t",
    project=b"p",
    campaign=b"c",
    state=Campaign.STATE_ACTIVE,
    queued=10,
    counts=Counts(sent=4),
    campaign_revision=3,
    uncounted_runs=1,
    at=datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC),
)


def snapshot(**changes: Any) -> Snapshot:
    return dataclasses.replace(ACTIVE, **changes)


def test_the_ends_are_the_contracts() -> None:
    assert {f"STATE_{state.name}": int(state) for state in CampaignState} == {
        name: number for name, number in Campaign.State.items() if number >= Campaign.STATE_COMPLETED
    }
    assert set(CampaignState) == ENDS


def test_more_messages_and_a_new_state_are_news() -> None:
    assert snapshot(counts=Counts(sent=5)).news_after(ACTIVE)
    assert snapshot(campaign_revision=4, state=Campaign.STATE_PAUSED).news_after(ACTIVE)


def test_the_same_and_what_is_older_are_no_news() -> None:
    assert not snapshot(at=ACTIVE.at + datetime.timedelta(seconds=1)).news_after(ACTIVE)
    assert not ACTIVE.news_after(snapshot(counts=Counts(sent=5)))


@pytest.mark.parametrize("state", [Campaign.STATE_COMPLETED, Campaign.STATE_FAILED, Campaign.STATE_ARCHIVED])
def test_a_finished_campaign_is_the_last(state: int) -> None:
    assert snapshot(state=state).is_last


@pytest.mark.parametrize("state", [Campaign.STATE_DRAFT, Campaign.STATE_SCHEDULED, Campaign.STATE_PAUSED])
def test_an_unfinished_campaign_is_not_the_last(state: int) -> None:
    assert not snapshot(state=state, uncounted_runs=0).is_last


def test_a_cancelled_campaign_is_the_last_once_its_runs_are_counted() -> None:
    settling = snapshot(state=Campaign.STATE_CANCELLED)
    settled = dataclasses.replace(settling, uncounted_runs=0)

    assert settling.settles
    assert not settling.is_last
    assert settled.is_last
    assert settled.news_after(settling)
