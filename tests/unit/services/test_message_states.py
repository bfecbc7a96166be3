"""Which of two truths about one message stands."""

from __future__ import annotations

import pytest
from carillon.delivery.v1 import delivery_pb2

from services.message_states import RANKS, MessageState


def test_the_states_are_those_of_the_contract() -> None:
    written = {name.removeprefix("MESSAGE_STATE_"): n for name, n in delivery_pb2.MessageState.items() if n}

    assert {state.name: int(state) for state in MessageState} == written


def test_every_final_state_has_a_rank() -> None:
    assert set(RANKS) == set(MessageState) - {MessageState.PENDING}


def test_no_two_states_have_the_same_rank() -> None:
    assert len(set(RANKS.values())) == len(RANKS)
    assert min(RANKS.values()) > 0


@pytest.mark.parametrize("later", set(RANKS) - {MessageState.UNKNOWN}, ids=lambda state: state.name)
def test_whatever_is_learnt_later_stands_over_unknown(later: MessageState) -> None:
    assert RANKS[later] > RANKS[MessageState.UNKNOWN]


@pytest.mark.parametrize("other", set(RANKS) - {MessageState.SENT}, ids=lambda state: state.name)
def test_an_acceptance_stands_over_everything(other: MessageState) -> None:
    assert RANKS[MessageState.SENT] > RANKS[other]


def test_nothing_is_above_sent_so_that_what_was_sent_may_be_kept_in_blocks_that_never_change() -> None:
    assert max(RANKS.values()) == RANKS[MessageState.SENT] == 6, "as the views `outcome` say of blocks"
    assert int(MessageState.SENT) == 2
