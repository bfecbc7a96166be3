"""Outcomes reach the counters once, whatever dies and whatever Kafka loses, and the model notices a broken rule."""

from __future__ import annotations

from functools import partial

import pytest

from tests.model.events import Rules, World, is_end, steps, violations
from tests.model.search import Found, explore

KEPT = World(wipes=0)  # Kafka loses nothing


def look(rules: Rules, start: World | None = None) -> Found[World]:
    """Everything that can happen under these rules."""
    return explore(start or World(), steps=partial(steps, rules=rules), violations=violations, is_end=is_end)


def test_counters_are_the_rows_in_every_order_of_events() -> None:
    found = look(Rules())

    assert (found.violation, found.story) == ("", [])
    assert found.states > 100


def test_the_inbox_alone_is_not_what_keeps_the_counters_right() -> None:
    """A pull has no event id: what is counted twice is kept out by counting rows."""
    assert look(Rules(inbox=False)).violation == ""


def test_nothing_needs_to_be_pulled_where_the_log_is_kept() -> None:
    assert look(Rules(pulled=False), KEPT).violation == ""


@pytest.mark.parametrize(
    ("sabotaged", "start", "violation"),
    [
        (Rules(effect_before_commit=False, pulled=False), KEPT, "no end is in reach"),
        (Rules(deleted_after_acknowledgement=False, pulled=False), KEPT, "no end is in reach"),
        (Rules(pulled=False), World(), "no end is in reach"),
        (Rules(counts_rows=False), KEPT, "the counters are not the rows"),
        (Rules(inbox=False, counts_rows=False), KEPT, "the counters are not the rows"),
    ],
    ids=[
        "the offset is committed before the effect",
        "the event is deleted before it is sent",
        "nothing is pulled when the log is lost",
        "a counter is bumped by the event, not by the rows",
        "no inbox",
    ],
)
def test_the_model_notices(sabotaged: Rules, start: World, violation: str) -> None:
    found = look(sabotaged, start)

    assert found.violation == violation, found.story
