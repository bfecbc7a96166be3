"""What a claim's answers become: every position once, as an outcome or as due again."""

from __future__ import annotations

import datetime
import re

from hypothesis import given
from hypothesis import strategies as st

from services.delivery.domain.channels import UnknownPolicy
from services.delivery.journal import LOST, Trail
from services.delivery.messages import RecipientColumns
from services.delivery.recording import Record
from services.delivery.senders.sender import AnswerKind
from services.message_states import MessageState
from tests.unit.services.delivery.builders import RUN, a_claim, an_answer, numbered, recipients

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
COLUMNS = RecipientColumns(recipients(10))


def a_record(size: int = 10, **claim: object) -> Record:
    return Record(claim=a_claim(size, **claim), run=RUN, policy=UnknownPolicy.PARK)  # type: ignore[arg-type]


def due_again(record: Record) -> list[int]:
    pairs = [pair for back in record.give_back(NOW) for pair in re.findall(r"\[(\d+),(\d+)\)", back.positions)]
    return [position for start, end in pairs for position in range(int(start), int(end))]


@given(st.lists(st.sampled_from(AnswerKind), min_size=10, max_size=10), st.integers(0, 9))
def test_every_position_of_a_claim_is_accounted_for_once(kinds: list[AnswerKind], suppressed: int) -> None:
    record = a_record()

    record.end(COLUMNS, range(suppressed), MessageState.SUPPRESSED, "UNSUBSCRIBED", NOW)
    record.judge(COLUMNS, [an_answer(position, kinds[position]) for position in range(suppressed, 10)])

    accounted = [row.position for row in record.rows()] + due_again(record)
    assert sorted(accounted) == list(range(10))


def test_an_outcome_says_whose_it_is_and_when_it_became_final() -> None:
    record = a_record(attempt=2)

    record.judge(COLUMNS, [an_answer(7, AnswerKind.ACCEPTED, code=201, at=NOW.timestamp())])

    (row,) = record.rows()
    assert (row.position, row.contact, row.endpoint) == (7, numbered(b"contact", 7), numbered(b"endpoint", 7))
    assert (row.state, row.reason, row.code, row.attempts) == (MessageState.SENT, "", 201, 3)
    assert row.final_at == NOW


def test_what_ends_without_a_call_grants_no_attempt() -> None:
    record = a_record(attempt=2)

    record.end(COLUMNS, [3], MessageState.CANCELLED, "CAMPAIGN_CANCELLED", NOW)

    (row,) = record.rows()
    assert (row.state, row.reason, row.attempts, row.repeated) == (
        MessageState.CANCELLED,
        "CAMPAIGN_CANCELLED",
        2,
        False,
    )


def test_what_is_accepted_after_a_doubt_is_marked_as_repeated() -> None:
    record = a_record(doubtful=True)

    record.judge(COLUMNS, [an_answer(0, AnswerKind.ACCEPTED), an_answer(1, AnswerKind.REJECTED)])

    assert {row.position: row.repeated for row in record.rows()} == {0: True, 1: False}


def test_what_ends_in_doubt_after_two_tries_is_marked_in_case_a_late_answer_says_it_arrived() -> None:
    tried_once, tried_twice = a_record(doubtful=True, attempt=1), a_record(doubtful=True, attempt=2)

    for record in (tried_once, tried_twice):
        record.end(COLUMNS, [0], MessageState.CANCELLED, "CAMPAIGN_CANCELLED", NOW)

    assert [row.repeated for record in (tried_once, tried_twice) for row in record.rows()] == [False, True]


def test_an_endpoint_that_is_gone_is_named_and_a_mere_refusal_is_not() -> None:
    record = a_record()

    record.judge(COLUMNS, [an_answer(4, AnswerKind.RETIRED), an_answer(5, AnswerKind.REJECTED)])

    assert record.retired == [numbered(b"endpoint", 4)]
    assert [row.state for row in record.rows()] == [MessageState.FAILED, MessageState.FAILED]


MIXED = RecipientColumns(recipients(6, channels=[1, 2, 3] * 2))


def trail(**answers: AnswerKind) -> Trail:
    """Of a journal that says this of these positions."""
    return Trail({int(name[1:]): an_answer(int(name[1:]), kind) for name, kind in answers.items()})


def test_of_the_dead_each_channel_is_taken_over_by_its_own_rule() -> None:
    record = a_record(size=6)

    record.take_over(MIXED, trail(_1=AnswerKind.UNANSWERED), now=NOW.timestamp())

    (parked,) = record.rows()
    assert (parked.position, parked.state, parked.reason, parked.attempts) == (1, MessageState.UNKNOWN, "NO_ANSWER", 1)
    backs = {back.positions: (back.due_at, back.attempt, back.doubtful) for back in record.give_back(NOW)}
    untouched, in_doubt = "{[0,1),[3,5)}", "{[2,3),[5,6)}"
    assert backs == {untouched: (NOW, 0, False), in_doubt: (NOW, 1, True)}, "of the pushes none had begun"


def test_of_the_dead_only_the_pushes_that_were_on_the_wire_are_in_doubt() -> None:
    record = a_record(size=6)

    record.take_over(MIXED, trail(_0=AnswerKind.ACCEPTED, _3=AnswerKind.UNANSWERED), now=NOW.timestamp())

    (sent,) = record.rows()
    assert (sent.position, sent.state, sent.repeated) == (0, MessageState.SENT, False)
    backs = {back.positions: (back.attempt, back.doubtful) for back in record.give_back(NOW)}
    assert backs == {"{[2,4),[5,6)}": (1, True), "{[1,2),[4,5)}": (0, False)}


def test_of_the_dead_a_run_may_want_even_emails_tried_again() -> None:
    record = a_record(size=6)
    record.policy = UnknownPolicy.RETRY

    record.take_over(MIXED, trail(_1=AnswerKind.UNANSWERED), now=NOW.timestamp())

    assert record.rows() == []
    assert [(row.position, row.kind) for row in record.attempts if row.position in (1, 4)] == [(1, "unanswered")]


def test_of_a_lost_machine_every_email_is_in_doubt() -> None:
    record = a_record(size=6)

    record.take_over(MIXED, LOST, now=NOW.timestamp())

    assert {row.position: row.state for row in record.rows()} == dict.fromkeys((1, 4), MessageState.UNKNOWN)


def test_what_was_claimed_to_be_ended_is_taken_over_untouched() -> None:
    record = a_record(size=6, for_sending=False)

    record.take_over(MIXED, LOST, now=NOW.timestamp())

    (back,) = record.give_back(NOW)
    assert (back.positions, back.attempt, back.doubtful) == ("{[0,6)}", 0, False)


@given(st.lists(st.sampled_from([*AnswerKind, None]), min_size=10, max_size=10), st.sampled_from(UnknownPolicy))
def test_every_position_of_the_dead_is_accounted_for_once(
    kinds: list[AnswerKind | None], policy: UnknownPolicy
) -> None:
    record = a_record()
    record.policy = policy
    columns = RecipientColumns(recipients(10, channels=[1, 2] * 5))
    answers = {position: an_answer(position, kind) for position, kind in enumerate(kinds) if kind is not None}

    record.take_over(columns, Trail(answers), now=NOW.timestamp())

    accounted = [row.position for row in record.rows()] + due_again(record)
    assert sorted(accounted) == list(range(10))


def test_an_attempt_that_ended_nothing_is_kept_and_one_that_never_began_is_not() -> None:
    record = a_record(attempt=1)
    kinds = [AnswerKind.RETRY, AnswerKind.UNANSWERED, AnswerKind.NOT_STARTED, AnswerKind.ACCEPTED]

    record.judge(COLUMNS, [an_answer(position, kind, code=429) for position, kind in enumerate(kinds)])

    assert [(row.position, row.attempt, row.kind, row.code) for row in record.attempts] == [
        (0, 2, "retry", 429),
        (1, 2, "unanswered", 429),
    ]


def test_positions_that_wait_the_same_wait_together() -> None:
    record = a_record()

    record.judge(COLUMNS, [an_answer(position, AnswerKind.NOT_STARTED) for position in (0, 1, 2, 9)])

    (back,) = record.give_back(NOW)
    assert (back.positions, back.due_at, back.attempt, back.doubtful) == ("{[0,3),[9,10)}", NOW, 0, False)


def test_a_wait_counts_from_the_record() -> None:
    record = a_record()

    record.judge(COLUMNS, [an_answer(0, AnswerKind.RETRY, retry_after=30.0)])

    (back,) = record.give_back(NOW)
    assert (back.due_at, back.attempt) == (NOW + datetime.timedelta(seconds=30), 1)
