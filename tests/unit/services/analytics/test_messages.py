"""What is read from events and written for users."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest
from carillon.campaigns.v1.campaigns_pb2 import Campaign, Run
from carillon.events.v1.message_outcomes_pb2 import OutcomeBatch
from carillon.events.v1.message_receipts_pb2 import ReceiptBatch, ReceiptKind
from carillon.events.v1.run_ended_pb2 import RunEnded

from services.analytics.domain.counts import Counts
from services.analytics.domain.receipts import ReceiptCounts, Receipts
from services.analytics.domain.snapshot import Snapshot
from services.analytics.messages import (
    counted_event,
    read_counts,
    read_outcomes,
    read_receipts,
    write_counts,
    write_stats,
)
from services.runtime.errors import Invalid

COUNTS = Counts(sent=1, failed=2, suppressed=3, cancelled=4, expired=5, unknown=6)


def batch(**changes: Any) -> OutcomeBatch:
    columns: dict[str, Any] = {
        "positions": [0, 7],
        "states": [2, 3],
        "reason_words": ["", "GONE"],
        "reasons": [0, 1],
        "contacts": b"c" * 24,
        "times": [1, 2],
        "channels": [1],
    }
    return OutcomeBatch(tenant=b"t" * 12, campaign=b"k" * 12, run=b"r" * 12, batch=4, **(columns | changes))


def test_one_entry_may_stand_for_all_positions() -> None:
    outcomes = read_outcomes(batch(states=[2], reasons=[0], times=[5]))

    assert (outcomes.positions, outcomes.states, outcomes.times, outcomes.channels) == ([0, 7], [2], [5], [1])


def test_one_position_is_the_first_of_those_that_stand_side_by_side() -> None:
    assert list(read_outcomes(batch(positions=[5])).positions) == [5, 6]


@pytest.mark.parametrize(
    "changes",
    [
        {"positions": [0, 7, 8]},
        {"positions": []},
        {"states": [2, 2, 2]},
        {"states": []},
        {"reasons": [0, 0, 0]},
        {"times": [1, 2, 3]},
        {"channels": [1, 1, 1]},
        {"contacts": b"c" * 23},
        {"states": [2, 1]},
        {"states": [2, 99]},
    ],
)
def test_columns_of_other_lengths_and_states_that_are_not_final_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        read_outcomes(batch(**changes))


def receipts(**changes: Any) -> ReceiptBatch:
    columns: dict[str, Any] = {"batches": [0, 1], "positions": [5, 6], "kinds": [1, 2], "times": [1, 2]}
    return ReceiptBatch(tenant=b"t" * 12, campaign=b"k" * 12, run=b"r" * 12, **(columns | changes))


def test_receipts_are_read_as_columns() -> None:
    assert read_receipts(receipts()) == Receipts(
        tenant=b"t" * 12,
        campaign=b"k" * 12,
        run=b"r" * 12,
        batches=[0, 1],
        positions=[5, 6],
        kinds=[ReceiptKind.RECEIPT_KIND_CLICKED, ReceiptKind.RECEIPT_KIND_DISMISSED],
        times=[1, 2],
    )


@pytest.mark.parametrize(
    "changes", [{"kinds": [1]}, {"times": []}, {"batches": [0]}, {"kinds": [1, 4]}, {"kinds": [0, 1]}]
)
def test_receipts_of_other_lengths_or_unknown_kinds_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        read_receipts(receipts(**changes))


def test_counts_go_there_and_back() -> None:
    assert read_counts(write_counts(COUNTS)) == COUNTS
    assert [value for _, value in write_counts(COUNTS).ListFields()] == [1, 2, 3, 4, 5, 6]


def test_a_counted_run_says_what_its_end_said() -> None:
    ended = RunEnded(
        tenant=b"t" * 12, campaign=b"k" * 12, run=b"r" * 12, state=Run.STATE_CANCELLED, counts=write_counts(COUNTS)
    )
    ended.end_time.FromSeconds(1_800_000_000)

    assert counted_event(ended).SerializeToString() == ended.SerializeToString()  # the two have the same fields


def test_an_accepted_push_is_sent_and_delivered() -> None:
    stats = write_stats(
        Snapshot(
            tenant=b"t" * 12,
            project=b"p" * 12,
            campaign=b"k" * 12,
            state=Campaign.STATE_ACTIVE,
            queued=30,
            counts=COUNTS,
            receipts=ReceiptCounts(clicked=7, dismissed=8),
            campaign_revision=2,
            final=True,
            at=datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC),
        )
    )

    assert (stats.sent, stats.delivered, stats.queued) == (1, 1, 30)
    shown = dataclasses.asdict(COUNTS)
    assert {field: getattr(stats, field) for field in shown} == shown
    assert (stats.clicked, stats.dismissed) == (7, 8)
    assert stats.final
    assert stats.name.endswith("/stats")
