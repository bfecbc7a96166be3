"""The verdict notices whatever a seed is there to find."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.operators import Hold
from tests.chaos.verdict import Verdict, compare
from tests.chaos.ways import Way
from tests.e2e.books import Books
from tools.client import Json

NOON = 1_795_262_400.0  # 2026-11-21T12:00:00Z


def a_call(to: str, *, channel: str = "push", key: str = "", second: int = 0) -> Json:
    at = f"2026-11-21T12:00:{second:02}.000Z"
    return {"to": to, "channel": channel, "key": key or f"key of {to}", "at": at, "repeat": False}


def books(*ledger: Json, repeated: int = 0, **rows: int) -> Books:
    """Books that agree about these rows, and a ledger that may not."""
    total = sum(rows.values())
    reconciliation: dict[str, Any] = {"balanced": True, "audience": total, "repeated": repeated}
    reconciliation |= dict.fromkeys(("delivery", "analytics", "shown"), rows)
    sent, queued = rows.get("sent", 0), total - rows.get("suppressed", 0)
    failed = rows.get("unknown", 0)  # in ReachBell's words
    shown = {"status": "sent", "stats": {"sent": sent, "delivered": sent, "failed": failed, "queued": queued}}
    return Books(shown, {**rows, "queued": queued}, reconciliation, rows, list(ledger))


def verdict(found: Books, *, way: Way = Way.PUSH, recipients: int = 2, **known: Any) -> Verdict:
    defaults: dict[str, Any] = {"marked": set(), "holds": [], "left_alone": {}, "in_doubt": 1}
    return compare(found, way=way, recipients=recipients, **defaults | known)


def test_a_campaign_that_reached_everybody_once_is_in_order() -> None:
    found = verdict(books(a_call("ann"), a_call("ben"), sent=2))

    assert found.violations == []
    assert (found.reached, found.lost, found.doubled, found.repeats) == (2, 0, 0, 0)


def test_who_was_not_reached_is_lost_whatever_the_books_say() -> None:
    found = verdict(books(a_call("ann"), sent=2))

    assert found.lost == 1
    assert found.violations


def test_a_push_under_two_keys_is_shown_twice() -> None:
    found = verdict(books(a_call("ann"), a_call("ann", key="another"), a_call("ben"), sent=2), marked={"ann"})

    assert found.doubled == 1
    assert "ann got 2 messages by push" in found.violations


@pytest.mark.parametrize(("marked", "violations"), [({"ann"}, 0), (set(), 1)])
def test_a_push_that_is_repeated_has_to_be_marked(marked: set[str], violations: int) -> None:
    found = verdict(books(a_call("ann"), a_call("ann"), a_call("ben"), sent=2, repeated=1), marked=marked)

    assert (found.doubled, found.repeats, len(found.violations)) == (0, 1, violations)


def test_more_repeats_or_marks_than_there_were_pushes_on_the_wire_is_a_violation() -> None:
    found = books(a_call("ann"), a_call("ann"), a_call("ben"), sent=2, repeated=1)

    assert verdict(found, marked={"ann"}, in_doubt=0).violations == [
        "1 calls were repeats, 1 are marked, and so many were in doubt: 0"
    ]
    assert verdict(books(a_call("ann"), a_call("ben"), sent=2, repeated=2), marked={"ann", "ben"}).violations != []


def test_an_email_that_is_repeated_was_sent_twice() -> None:
    mails = [a_call(to, channel="email") for to in ("ann", "ann", "ben")]

    assert verdict(books(*mails, sent=2), way=Way.EMAIL).violations == ["ann got 2 messages by email"]


def test_an_email_in_doubt_may_have_arrived_or_not() -> None:
    mails = [a_call(to, channel="email") for to in ("ann", "ben")]

    for ledger in (mails, mails[:1]):
        assert verdict(books(*ledger, sent=1, unknown=1), way=Way.EMAIL).violations == []


def test_more_doubt_than_there_were_calls_on_the_wire_is_a_violation() -> None:
    found = books(unknown=2)

    assert verdict(found, way=Way.EMAIL, in_doubt=1).violations == ["2 are UNKNOWN, and only so many can be: 1"]
    assert verdict(found, way=Way.EMAIL, in_doubt=2).violations == []


def test_doubt_is_a_violation_where_the_provider_knows_keys() -> None:
    assert verdict(books(a_call("ann"), a_call("ben"), sent=1, unknown=1)).violations != []


@pytest.mark.parametrize(("second", "violations"), [(0, 0), (1, 0), (2, 1), (8, 0)])
def test_a_call_may_start_a_second_after_a_pause_was_answered_and_again_after_the_resume(
    second: int, violations: int
) -> None:
    found = verdict(
        books(a_call("ann"), a_call("ben", second=second), sent=2), holds=[Hold(answered=NOON, lifted=NOON + 5)]
    )

    assert len(found.violations) == violations


@pytest.mark.parametrize(("second", "violations"), [(0, 0), (1, 0), (2, 1)])
def test_who_wants_no_messages_may_be_called_for_a_second_more(second: int, violations: int) -> None:
    found = verdict(books(a_call("ann"), a_call("ben", second=second), sent=2), left_alone={("push", "ben"): NOON})

    assert len(found.violations) == violations
    assert found.after_leaving == [second]


def test_who_was_left_alone_is_not_lost() -> None:
    found = verdict(books(a_call("ann"), sent=1, suppressed=1), left_alone={("push", "ben"): NOON})

    assert (found.violations, found.lost, found.suppressed) == ([], 0, 1)


def test_who_was_reached_was_not_left_alone_and_who_wants_messages_is_not_either() -> None:
    found = books(a_call("ann"), a_call("ben"), sent=1, suppressed=1)

    assert verdict(found, left_alone={("push", "ben"): NOON + 1}).violations != []
    assert "1 are SUPPRESSED, and only so many wanted to be: 0" in verdict(found).violations
