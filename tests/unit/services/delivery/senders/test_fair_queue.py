"""Whose turn it is."""

from __future__ import annotations

from services.delivery.senders.fair_queue import FairQueue


def test_lanes_take_turns_and_each_keeps_its_order() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("long", ["a1", "a2", "a3", "a4"])
    queue.put("short", ["b1", "b2"])

    assert list(queue.take_all()) == ["a1", "b1", "a2", "b2", "a3", "a4"]


def test_a_lane_goes_on_where_it_was_when_more_is_put_into_it() -> None:
    queue: FairQueue[int] = FairQueue()
    queue.put("lane", [1])
    queue.put("lane", [2, 3])

    assert (len(queue), list(queue.take_all()), len(queue)) == (3, [1, 2, 3], 0)


def test_an_empty_lane_leaves_no_trace() -> None:
    queue: FairQueue[int] = FairQueue()
    queue.put("lane", [])

    assert not queue
    assert queue.take() is None
