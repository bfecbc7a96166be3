"""Columns are read as they were written, and no state is left out of any count."""

from __future__ import annotations

import datetime
from functools import partial

import pytest
from carillon.delivery.v1.delivery_pb2 import StateCounts

from services.delivery import messages
from services.delivery.domain.channels import Channel, UnknownPolicy
from services.delivery.messages import RecipientColumns
from services.delivery.recording import Record
from services.delivery.senders.sender import AnswerKind
from services.message_states import MessageState
from tests.unit.services.delivery.builders import PUSH, RUN, a_claim, an_answer, numbered, recipients


def test_a_position_has_its_own_part_of_every_column() -> None:
    columns = RecipientColumns(recipients(3))

    assert columns.contact(1) == numbered(b"contact", 1)
    assert columns.endpoint(1) == numbered(b"endpoint", 1)
    assert columns.address(1) == "https://push.example/1"
    assert columns.push_keys(1) == (b"\1" * 65, b"\1" * 16)


def test_one_channel_stands_for_all() -> None:
    columns = RecipientColumns(recipients(3, channels=[PUSH]))

    assert [columns.channel(position) for position in range(3)] == [PUSH] * 3


def test_several_channels_are_each_their_own() -> None:
    columns = RecipientColumns(recipients(3, channels=[1, 2, 3]))

    assert [columns.channel(position) for position in range(3)] == [1, 2, 3]


def test_a_channel_without_endpoints_has_empty_ones() -> None:
    assert RecipientColumns(recipients(3, endpoints=b"")).endpoint(2) == b""


def test_counts_have_a_field_for_every_state() -> None:
    assert {state.name.lower() for state in MessageState} == set(StateCounts.DESCRIPTOR.fields_by_name)


def test_counts_are_read_back() -> None:
    counts = {int(state): int(state) * 10 for state in MessageState}

    assert messages.counted(messages.state_counts(counts)) == counts


def test_what_is_not_counted_is_zero() -> None:
    assert messages.counted(messages.state_counts({})) == dict.fromkeys(map(int, MessageState), 0)


def test_an_outcome_batch_has_an_entry_for_each_row_or_one_for_all() -> None:
    record = Record(claim=a_claim(batch=3), run=RUN, policy=UnknownPolicy.PARK)
    answers = [
        an_answer(0, AnswerKind.ACCEPTED),
        an_answer(4, AnswerKind.REJECTED, reason="PUSH_REJECTED_400"),
        an_answer(5, AnswerKind.REJECTED, reason="PUSH_REJECTED_400"),
    ]
    record.judge(RecipientColumns(record.claim.recipients), answers)

    event = messages.outcome_batch(tenant=RUN.tenant, campaign=RUN.campaign, run=RUN.id, batch=3, rows=record.rows())

    assert (event.tenant, event.campaign, event.run, event.batch) == (RUN.tenant, RUN.campaign, RUN.id, 3)
    assert list(event.positions) == [4, 5, 0]
    assert list(event.states) == [MessageState.FAILED, MessageState.FAILED, MessageState.SENT]
    assert [event.reason_words[word] for word in event.reasons] == ["PUSH_REJECTED_400", "PUSH_REJECTED_400", ""]
    assert event.contacts == b"".join(numbered(b"contact", position) for position in (4, 5, 0))
    assert list(event.times) == [1_700_000_000_000], "one entry where all are the same"
    assert list(event.channels) == [PUSH]


def test_a_batch_without_outcomes_is_empty() -> None:
    event = messages.outcome_batch(tenant=RUN.tenant, campaign=RUN.campaign, run=RUN.id, batch=3, rows=[])

    assert (list(event.positions), event.contacts) == ([], b"")


def a_record_of_a_call(*, size: int, refused: int) -> Record:
    """What one HTTP call to so many brought: all accepted but one."""
    by_http = recipients(size, channels=[Channel.HTTP], endpoints=b"")
    record = Record(claim=a_claim(size, recipients=by_http), run=RUN, policy=UnknownPolicy.PARK)
    kinds = [AnswerKind.REJECTED if position == refused else AnswerKind.ACCEPTED for position in range(size)]
    columns = RecipientColumns(record.claim.recipients)
    record.judge(columns, [an_answer(position, kind) for position, kind in enumerate(kinds)])
    return record


def a_record_of_pushes(*, size: int) -> Record:
    """Each accepted at an instant of its own, the last one first."""
    record = Record(claim=a_claim(size), run=RUN, policy=UnknownPolicy.PARK)
    answers = [
        an_answer(position, AnswerKind.ACCEPTED, at=1_700_000_000.0 + position / 7)
        for position in reversed(range(size))
    ]
    record.judge(RecipientColumns(record.claim.recipients), answers)
    return record


@pytest.mark.parametrize("record", [a_record_of_a_call(size=200, refused=120), a_record_of_pushes(size=20)])
def test_blocks_are_their_rows(record: Record) -> None:
    batch = partial(messages.outcome_batch, tenant=RUN.tenant, campaign=RUN.campaign, run=RUN.id, batch=3)

    as_rows, as_blocks = batch(rows=record.rows()), batch(rows=record.outcomes, blocks=record.blocks)

    assert record.blocks
    assert as_blocks == as_rows
    columns = RecipientColumns(record.claim.recipients)
    assert sorted(row.position for row in record.rows()) == record.claim.positions
    for row in record.rows():
        assert (row.contact, row.endpoint) == (columns.contact(row.position), columns.endpoint(row.position))


def test_neighbours_that_were_accepted_are_blocks_and_others_rows() -> None:
    record = a_record_of_a_call(size=200, refused=190)

    assert [block.positions for block in record.blocks] == [range(190)]
    assert sorted(row.position for row in record.outcomes) == list(range(190, 200))


def test_milliseconds_are_rounded_not_cut() -> None:
    assert messages.milliseconds(datetime.datetime.fromtimestamp(1.0009, datetime.UTC)) == 1001
