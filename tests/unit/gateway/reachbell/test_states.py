"""Every state has a word."""

from __future__ import annotations

from carillon.campaigns.v1.campaigns_pb2 import Campaign

from gateway.dialects.reachbell.states import ENDED, WORDS
from gateway.numbers import UNLAUNCHED


def test_every_state_of_the_core_has_a_word() -> None:
    assert set(WORDS) == set(Campaign.State.values()) - {Campaign.STATE_UNSPECIFIED}


def test_a_campaign_is_unlaunched_going_on_or_ended() -> None:
    going_on = {Campaign.STATE_ACTIVE, Campaign.STATE_PAUSED}

    assert UNLAUNCHED | ENDED | going_on == set(WORDS)
    assert not UNLAUNCHED & ENDED
