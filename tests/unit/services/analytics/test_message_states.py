"""Which of two truths stands."""

from __future__ import annotations

import pytest
from carillon.delivery.v1.delivery_pb2 import MessageState as MessageStateMessage

from services.analytics.domain.message_states import RANKS, MessageState


def test_every_final_state_of_the_contract_has_a_number_and_a_rank() -> None:
    final = {
        name.removeprefix("MESSAGE_STATE_"): number
        for name, number in MessageStateMessage.items()
        if number > MessageStateMessage.Value("MESSAGE_STATE_PENDING")
    }

    assert {state.name: int(state) for state in MessageState} == final
    assert set(RANKS) == set(MessageState)


def test_no_two_states_have_the_same_rank() -> None:
    assert len(set(RANKS.values())) == len(RANKS)
    assert min(RANKS.values()) > 0


@pytest.mark.parametrize("later", set(MessageState) - {MessageState.UNKNOWN})
def test_whatever_is_learnt_later_stands_over_unknown(later: MessageState) -> None:
    assert RANKS[later] > RANKS[MessageState.UNKNOWN]


@pytest.mark.parametrize("other", set(MessageState) - {MessageState.SENT})
def test_an_acceptance_stands_over_everything(other: MessageState) -> None:
    assert RANKS[MessageState.SENT] > RANKS[other]
