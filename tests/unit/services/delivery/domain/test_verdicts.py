"""What each answer means for its message."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.domain.verdicts import (
    GROUPING,
    LONGEST_BACK_OFF,
    LONGEST_RETRY_AFTER,
    Again,
    Final,
    back_off,
    judge,
)
from services.delivery.senders.sender import Answer, AnswerKind
from services.message_states import MessageState

chances = st.floats(0, 1, exclude_max=True)
attempts = st.integers(0, 1000)
FINAL = {
    AnswerKind.ACCEPTED: MessageState.SENT,
    AnswerKind.REJECTED: MessageState.FAILED,
    AnswerKind.RETIRED: MessageState.FAILED,
}
AGAIN = {AnswerKind.NOT_STARTED, AnswerKind.RETRY, AnswerKind.UNANSWERED}


def an_answer(kind: AnswerKind, *, reason: str = "", retry_after: float = 0.0) -> Answer:
    return Answer(position=0, kind=kind, code=0, reason=reason, at=0.0, retry_after=retry_after)


def judged(kind: AnswerKind, *, doubtful: bool = False, parks: bool = False, **answer: Any) -> Final | Again:
    return judge(an_answer(kind, **answer), attempt=3, doubtful=doubtful, parks=parks, chance=0.5)


def test_every_kind_of_answer_is_judged() -> None:
    assert set(AnswerKind) == FINAL.keys() | AGAIN
    assert {kind for kind in AnswerKind if isinstance(judged(kind), Final)} == FINAL.keys()


@pytest.mark.parametrize(("kind", "state"), FINAL.items(), ids=str)
def test_a_final_answer_ends_the_message(kind: AnswerKind, state: MessageState) -> None:
    reason = "" if kind is AnswerKind.ACCEPTED else "PUSH_SUBSCRIPTION_GONE"

    assert judged(kind, reason=reason) == Final(state, reason)


@pytest.mark.parametrize("doubtful", [True, False])
def test_what_never_began_is_due_at_once_and_grants_no_attempt(doubtful: bool) -> None:
    assert judged(AnswerKind.NOT_STARTED, doubtful=doubtful) == Again(0.0, attempt=3, doubtful=doubtful)


@pytest.mark.parametrize("doubtful", [True, False])
def test_what_surely_did_not_arrive_leaves_the_doubt_as_it_was(doubtful: bool) -> None:
    verdict = judged(AnswerKind.RETRY, doubtful=doubtful)

    assert isinstance(verdict, Again)
    assert (verdict.attempt, verdict.doubtful) == (4, doubtful)


def test_what_got_no_answer_is_in_doubt_from_then_on() -> None:
    verdict = judged(AnswerKind.UNANSWERED)

    assert isinstance(verdict, Again)
    assert (verdict.attempt, verdict.doubtful) == (4, True)


def test_what_got_no_answer_where_it_could_be_sent_twice_ends_unknown() -> None:
    assert judged(AnswerKind.UNANSWERED, parks=True) == Final(MessageState.UNKNOWN, "NO_ANSWER")


@pytest.mark.parametrize("kind", [kind for kind in AnswerKind if kind is not AnswerKind.UNANSWERED], ids=str)
def test_an_answer_means_the_same_wherever_it_comes_from(kind: AnswerKind) -> None:
    assert judged(kind, parks=True) == judged(kind, parks=False)


@pytest.mark.parametrize("kind", [AnswerKind.REJECTED, AnswerKind.RETIRED], ids=str)
def test_a_refusal_after_a_doubt_does_not_tell_what_became_of_the_message(kind: AnswerKind) -> None:
    assert judged(kind, doubtful=True, reason="GONE") == Final(MessageState.UNKNOWN, "GONE")


@given(st.floats(0.001, 1e6), attempts, chances)
def test_a_named_wait_is_waited_for_but_no_longer_than_an_hour(asked: float, attempt: int, chance: float) -> None:
    verdict = judge(
        an_answer(AnswerKind.RETRY, retry_after=asked), attempt=attempt, doubtful=False, parks=False, chance=chance
    )

    assert isinstance(verdict, Again)
    named = min(asked, LONGEST_RETRY_AFTER)
    assert named <= verdict.seconds < named + GROUPING


@given(attempts, chances)
def test_back_off_doubles_to_five_minutes_and_is_spread_over_its_second_half(attempt: int, chance: float) -> None:
    longest = min(2.0 ** min(attempt, 20), LONGEST_BACK_OFF)

    seconds = back_off(attempt, chance=chance)

    assert longest / 2 <= seconds <= longest
    assert seconds % GROUPING == 0


@given(attempts)
def test_two_chances_are_two_waits(attempt: int) -> None:
    assert back_off(attempt, chance=0.0) < back_off(attempt, chance=0.999)


@given(attempts, chances)
def test_without_a_named_wait_there_is_back_off(attempt: int, chance: float) -> None:
    for kind in (AnswerKind.RETRY, AnswerKind.UNANSWERED):
        verdict = judge(an_answer(kind), attempt=attempt, doubtful=False, parks=False, chance=chance)

        assert isinstance(verdict, Again)
        assert verdict.seconds == back_off(attempt, chance=chance)
