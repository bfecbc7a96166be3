"""Of two truths about one message, one is the higher: always."""

from __future__ import annotations

import pytest
from carillon.delivery.v1 import delivery_pb2

from services.delivery.domain.states import RANKS, MessageState


def test_the_states_are_those_of_the_contract() -> None:
    written = {name.removeprefix("MESSAGE_STATE_"): n for name, n in delivery_pb2.MessageState.items() if n}

    assert {state.name: int(state) for state in MessageState} == written


def test_every_state_has_a_rank() -> None:
    assert set(RANKS) == set(MessageState)


@pytest.mark.parametrize("state", set(MessageState) - {MessageState.SENT}, ids=lambda state: state.name)
def test_nothing_is_truer_than_that_it_was_sent(state: MessageState) -> None:
    assert RANKS[state] < RANKS[MessageState.SENT]


@pytest.mark.parametrize(
    "state", set(MessageState) - {MessageState.PENDING, MessageState.UNKNOWN}, ids=lambda state: state.name
)
def test_any_certainty_is_truer_than_doubt(state: MessageState) -> None:
    assert RANKS[MessageState.PENDING] < RANKS[MessageState.UNKNOWN] < RANKS[state]
