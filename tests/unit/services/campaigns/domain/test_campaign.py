"""A campaign's life: one table says what may follow what, and everything else is refused with its reason."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from carillon.campaigns.v1.campaigns_pb2 import Campaign as CampaignMessage

from services.campaigns.domain.campaign import (
    _VERBS,
    AUDIENCE_KEPT,
    EMAIL,
    ENDED,
    HTTP,
    SENDING,
    TRANSITIONS,
    State,
    Step,
)
from services.campaigns.domain.utm import Utm
from services.runtime.errors import Conflict, Invalid
from tests.unit.services.campaigns.domain.builders import LATER, NOW, a_call, a_campaign, a_definition, a_push, an_email

PAIRS = list(itertools.product(State, Step))
REFUSED = [pair for pair in PAIRS if pair not in TRANSITIONS]


def spelled(pair: Any) -> str:
    return f"{pair[0].name}-{pair[1].name}"


def invalid(**changes: Any) -> tuple[str, str]:
    """(field, reason) of what is wrong with a definition."""
    with pytest.raises(Invalid) as refused:
        a_definition(**changes).check()
    return refused.value.field, refused.value.reason


def missing(**changes: Any) -> str:
    """The field that a start lacks."""
    with pytest.raises(Invalid) as refused:
        a_definition(**changes).check_can_start()
    assert refused.value.reason == "FIELD_REQUIRED"
    return refused.value.field


def test_the_states_are_those_of_the_contract() -> None:
    written = {name.removeprefix("STATE_"): number for name, number in CampaignMessage.State.items() if number}

    assert {state.name: int(state) for state in State} == written


@pytest.mark.parametrize("pair", TRANSITIONS, ids=spelled)
def test_what_the_table_allows_happens(pair: tuple[State, Step]) -> None:
    state, step = pair
    campaign = a_campaign(state)

    campaign.apply(step, now=LATER)

    assert campaign.state is TRANSITIONS[pair]


@pytest.mark.parametrize("pair", REFUSED, ids=spelled)
def test_what_the_table_does_not_allow_is_refused_with_its_reason_and_changes_nothing(pair: tuple[State, Step]) -> None:
    state, step = pair
    campaign = a_campaign(state)

    with pytest.raises(Conflict) as refused:
        campaign.apply(step, now=LATER)

    assert campaign == a_campaign(state)
    assert refused.value.reason == f"CAMPAIGN_NOT_{_VERBS[step]}"
    assert refused.value.metadata == {"state": state.name}
    assert state.name in refused.value.message


def test_every_step_has_a_word_of_its_own_for_its_refusal() -> None:
    assert set(_VERBS) == set(Step)
    assert len(set(_VERBS.values())) == len(Step)


@pytest.mark.parametrize("state", ENDED, ids=lambda state: state.name)
def test_nothing_leads_out_of_an_end_but_into_the_archive_or_by_a_retry(state: State) -> None:
    steps = {step: target for (source, step), target in TRANSITIONS.items() if source is state}
    assert steps.pop(Step.RETRY, State.ACTIVE) is State.ACTIVE
    leading_out = set(steps.values()) - {state}

    assert leading_out <= {State.ARCHIVED}


@pytest.mark.parametrize("state", set(State) - ENDED, ids=lambda state: state.name)
def test_what_has_not_ended_can_be_cancelled(state: State) -> None:
    assert TRANSITIONS[state, Step.CANCEL] is State.CANCELLED


def test_a_step_counts_a_revision_and_changes_the_etag() -> None:
    campaign = a_campaign(State.ACTIVE)
    before = campaign.etag

    campaign.apply(Step.PAUSE, now=LATER)

    assert (campaign.revision, campaign.updated_at) == (2, LATER)
    assert campaign.etag != before


@pytest.mark.parametrize("pair", [pair for pair, target in TRANSITIONS.items() if target is pair[0]], ids=spelled)
def test_said_twice_is_said_once(pair: tuple[State, Step]) -> None:
    state, step = pair
    campaign = a_campaign(state)

    campaign.apply(step, now=LATER)

    assert campaign == a_campaign(state)


def test_the_first_start_is_kept() -> None:
    campaign = a_campaign(State.DRAFT)

    campaign.apply(Step.LAUNCH, now=NOW)
    campaign.apply(Step.PAUSE, now=LATER)
    campaign.apply(Step.RESUME, now=LATER)

    assert campaign.started_at == NOW


@pytest.mark.parametrize("step", [Step.CANCEL, Step.COMPLETE, Step.FAIL], ids=lambda step: step.name)
def test_an_end_has_an_instant(step: Step) -> None:
    campaign = a_campaign(State.ACTIVE)

    campaign.apply(step, now=LATER)

    assert campaign.ended_at == LATER


def test_every_command_has_an_epoch_of_its_own() -> None:
    campaign = a_campaign(State.ACTIVE)

    epochs = [campaign.command(State.PAUSED), campaign.command(State.ACTIVE), campaign.command(State.PAUSED)]

    assert epochs == [1, 2, 3]
    assert campaign.wanted is State.PAUSED


def test_what_is_sending_has_not_ended() -> None:
    assert not SENDING & ENDED


def test_a_whole_definition_is_accepted_and_can_start() -> None:
    definition = a_definition(labels={"team": "growth"}, utm=Utm(source="mail"), vendor_fields="{}")

    definition.check()
    definition.check_can_start()


def test_a_draft_may_lack_everything_but_its_name() -> None:
    a_definition(channels=(), audience=None, content=None).check()


@pytest.mark.parametrize(
    ("field", "reason", "changes"),
    [
        ("display_name", "FIELD_REQUIRED", {"display_name": ""}),
        ("display_name", "FIELD_REQUIRED", {"display_name": " \t"}),
        ("display_name", "TEXT_TOO_LONG", {"display_name": "x" * 201}),
        ("display_name", "TEXT_INVALID", {"display_name": "a\0b"}),
        ("push_content.title", "TEXT_TOO_LONG", {"content": a_push(title="x" * 201)}),
        ("labels", "TOO_MANY_LABELS", {"labels": {str(index): "" for index in range(21)}}),
        ("labels", "FIELD_REQUIRED", {"labels": {"": "x"}}),
        ("labels", "TEXT_TOO_LONG", {"labels": {"x" * 65: ""}}),
        ("labels", "TEXT_INVALID", {"labels": {"a\0b": ""}}),
        ("labels.team", "TEXT_TOO_LONG", {"labels": {"team": "x" * 201}}),
        ("labels.team", "TEXT_INVALID", {"labels": {"team": "\0"}}),
        ("vendor_fields", "TEXT_TOO_LONG", {"vendor_fields": "x" * 16_385}),
        ("vendor_fields", "TEXT_TOO_LONG", {"vendor_fields": "ü" * 8_193}),
        ("vendor_fields", "TEXT_INVALID", {"vendor_fields": "\0"}),
        ("schedule.time_zone", "TEXT_TOO_LONG", {"time_zone": "x" * 101}),
        ("schedule.time_zone", "TEXT_INVALID", {"time_zone": "Europe/\0"}),
        *[
            (f"utm.{word}", "TEXT_TOO_LONG", {"utm": Utm(**{word: "x" * 201})})
            for word in ("source", "medium", "campaign", "term", "content")
        ],
    ],
)
def test_what_is_beyond_a_limit_is_refused_at_its_field(field: str, reason: str, changes: dict[str, Any]) -> None:
    assert invalid(**changes) == (field, reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"display_name": "x" * 200},
        {"labels": {f"{index:064}": "x" * 200 for index in range(20)}},
        {"vendor_fields": "ü" * 8_192},
        {"time_zone": "America/Argentina/ComodRivadavia"},
        {"utm": Utm(source="x" * 200)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_just_within_a_limit_is_accepted(changes: dict[str, Any]) -> None:
    a_definition(**changes).check()


def test_a_start_needs_a_channel_an_audience_and_a_title() -> None:
    assert missing(channels=()) == "channels"
    assert missing(audience=None) == "audience"
    assert missing(content=None) == "push_content.title"
    assert missing(content=a_push(title="  ")) == "push_content.title"


def test_a_campaign_without_push_needs_no_push_content() -> None:
    a_definition(channels=(EMAIL,), content=None, email=an_email()).check_can_start()
    a_definition(channels=(HTTP,), content=None, http=a_call()).check_can_start()


def test_a_retried_campaign_goes_on_and_ends_anew() -> None:
    campaign = a_campaign(State.COMPLETED, started_at=NOW, ended_at=NOW, final=True)

    campaign.retry(now=LATER)
    assert (campaign.state, campaign.started_at, campaign.ended_at, campaign.final) == (State.ACTIVE, NOW, None, False)
    campaign.apply(Step.COMPLETE, now=LATER)

    assert campaign.ended_at == LATER


def test_a_campaign_whose_audience_is_forgotten_is_not_retried() -> None:
    campaign = a_campaign(State.COMPLETED, ended_at=NOW)

    campaign_in_time = a_campaign(State.COMPLETED, ended_at=NOW)
    campaign_in_time.retry(now=NOW + AUDIENCE_KEPT)
    with pytest.raises(Conflict) as refused:
        campaign.retry(now=NOW + AUDIENCE_KEPT + (LATER - NOW))

    assert refused.value.reason == "CAMPAIGN_TOO_OLD"
