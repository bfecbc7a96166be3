"""The permission to start calls: good for half a second from the start of the read, and not a moment longer."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable

import pytest

from services.delivery.authorisation import GOOD_FOR, REMEMBERED, RENEW_EVERY, Authorisation, Authorisations

PUSH, EMAIL = 1, 2
ANNA, BERT = (b"anna........", PUSH), (b"bert........", PUSH)


class SetClock:
    """A clock that stands where a test sets it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self.seconds, datetime.UTC)

    def boot_seconds(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def asker(held: Authorisation, *, version: int) -> Callable[[], bool]:
    """What the sender of a claim asks that has a message to Anna."""
    return held.asker(version=version, people=lambda: {ANNA})


def test_nothing_may_start_before_a_read_has_said_yes(clock: SetClock) -> None:
    assert not asker(Authorisation(clock), version=0)()


def test_it_is_good_for_half_a_second_from_the_start_of_the_read(clock: SetClock) -> None:
    held = Authorisation(clock)
    may_start = asker(held, version=0)

    began = clock.seconds
    clock.seconds += 0.3  # the read took its time
    held.grant(since=began, version=0)

    assert may_start()
    clock.seconds = began + GOOD_FOR - 0.001
    assert may_start()
    clock.seconds = began + GOOD_FOR
    assert not may_start()


def test_a_read_that_took_longer_than_it_is_good_for_allows_nothing(clock: SetClock) -> None:
    held = Authorisation(clock)
    began = clock.seconds
    clock.seconds += GOOD_FOR

    held.grant(since=began, version=0)

    assert not asker(held, version=0)()


def test_a_read_that_says_no_ends_it_at_once(clock: SetClock) -> None:
    held = Authorisation(clock)
    held.grant(since=clock.seconds, version=0)
    may_start = asker(held, version=0)

    held.revoke()

    assert not may_start()


def test_a_later_yes_is_good_again(clock: SetClock) -> None:
    held = Authorisation(clock)
    may_start = asker(held, version=0)
    held.revoke()

    held.grant(since=clock.seconds, version=0)

    assert may_start()


def test_a_suppression_ends_the_claims_that_did_not_see_it_and_no_other(clock: SetClock) -> None:
    held = Authorisation(clock)
    held.grant(since=clock.seconds, version=4)
    before, after = asker(held, version=4), asker(held, version=5)

    held.grant(since=clock.seconds, version=5, suppressed=[(5, ANNA)])

    assert not before()
    assert after()


def test_a_suppression_of_somebody_else_ends_no_claim(clock: SetClock) -> None:
    held = Authorisation(clock)
    held.grant(since=clock.seconds, version=4)
    may_start = asker(held, version=4)

    held.grant(since=clock.seconds, version=5, suppressed=[(5, BERT)])
    answers = [may_start()]
    held.grant(since=clock.seconds, version=6, suppressed=[(6, (ANNA[0], EMAIL))])
    answers.append(may_start())
    held.grant(since=clock.seconds, version=7, suppressed=[(7, ANNA)])

    assert answers == [True, True]
    assert not may_start()
    assert not may_start(), "it forgot"


def test_where_nobody_knows_whose_a_suppression_is_it_is_everybodys(clock: SetClock) -> None:
    held = Authorisation(clock)
    held.grant(since=clock.seconds, version=4)
    may_start = asker(held, version=4)

    held.grant(since=clock.seconds, version=5)

    assert not may_start()
    assert not asker(held, version=4)()
    assert asker(held, version=5)()


def test_more_suppressions_than_can_be_remembered_concern_everybody(clock: SetClock) -> None:
    held = Authorisation(clock)
    claims = {version: asker(held, version=version) for version in (0, 1, 2)}

    held.grant(since=clock.seconds, version=REMEMBERED + 2, suppressed=[(n + 1, BERT) for n in range(REMEMBERED + 2)])

    assert {version: may_start() for version, may_start in claims.items()} == {0: False, 1: False, 2: True}


def test_a_claim_that_saw_more_than_the_last_read_need_not_wait_for_the_next(clock: SetClock) -> None:
    held = Authorisation(clock)
    held.grant(since=clock.seconds, version=4)

    assert asker(held, version=5)()


def test_what_is_known_of_suppressions_is_never_forgotten(clock: SetClock) -> None:
    held = Authorisation(clock)
    held.grant(since=clock.seconds, version=5)

    held.grant(since=clock.seconds, version=4)

    assert not asker(held, version=4)()


class SilentDatabase:
    """Answers nothing, ever."""

    async def transaction(self, work: object) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(("seen", "may"), [(0, True), (1, False)])
async def test_a_claim_after_a_resume_may_start_at_once_unless_it_saw_more_suppressions_than_the_others(
    clock: SetClock, seen: int, may: bool
) -> None:
    authorisations = Authorisations(database=SilentDatabase(), clock=clock)  # type: ignore[arg-type]
    held = authorisations.of(b"run", since=clock.seconds, version=0)
    held.revoke()  # a pause was read
    clock.seconds += 1.0

    again = authorisations.of(b"run", since=clock.seconds, version=seen)
    authorisations._tasks[b"run"].cancel()

    assert asker(again, version=seen)() is may


def test_it_is_renewed_often_enough_that_one_slow_read_stops_nobody() -> None:
    assert 2 * RENEW_EVERY < GOOD_FOR
