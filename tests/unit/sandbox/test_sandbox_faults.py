"""What can be made to go wrong, and that nothing else does."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sandbox.faults import Dice, Fate, Faults, InvalidFaults, read
from services.delivery.senders.sender import Answer, AnswerKind
from tests.unit.sandbox.outside import Outside, a_push

pytestmark = pytest.mark.timeout(60)


async def _one_push(outside: Outside, faults: dict[str, object]) -> tuple[Answer, int]:
    """Its answer, and how many calls the ledger then has."""
    (to,) = await outside.subscriptions(1)
    assert (await outside.call("PUT", "/faults", faults))[0] == 200
    (answer,) = await outside.push([a_push(to)])
    return answer, len(await outside.lines("/messages"))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("faults", "kind", "code", "retry_after", "in_ledger"),
    [
        ({}, AnswerKind.ACCEPTED, 201, 0, 1),
        ({"lost_requests": 1}, AnswerKind.UNANSWERED, 0, 0, 0),
        ({"lost_answers": 1}, AnswerKind.UNANSWERED, 0, 0, 1),
        ({"throttled": 1, "retry_after": 3}, AnswerKind.RETRY, 429, 3, 0),
        ({"throttled": 1, "retry_after": None}, AnswerKind.RETRY, 429, 0, 0),
        ({"failed": 1}, AnswerKind.RETRY, 503, 0, 0),
        ({"failed": 1, "failed_status": 502, "failed_retry_after": 9}, AnswerKind.RETRY, 502, 9, 0),
        ({"rejected": 1}, AnswerKind.REJECTED, 400, 0, 0),
        ({"gone": 1}, AnswerKind.RETIRED, 410, 0, 0),
    ],
)
async def test_a_fault_does_what_it_says(
    tmp_path: Path, faults: dict[str, object], kind: AnswerKind, code: int, retry_after: float, in_ledger: int
) -> None:
    async with Outside(tmp_path) as outside:
        answer, noted = await _one_push(outside, faults)

        assert (answer.kind, answer.code, answer.retry_after, noted) == (kind, code, retry_after, in_ledger)


@pytest.mark.asyncio
async def test_delays_hold_answers_back_and_the_ledger_not(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        began = time.monotonic()

        answer, noted = await _one_push(outside, {"delay_ms": 300})

        assert time.monotonic() - began >= 0.3
        assert (answer.kind, noted) == (AnswerKind.ACCEPTED, 1)


@pytest.mark.asyncio
async def test_no_second_sees_more_calls_than_the_limit(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        subscriptions = await outside.subscriptions(100)
        await outside.call("PUT", "/faults", {"requests_per_second": 10})

        answers = await outside.push([a_push(to, number=at) for at, to in enumerate(subscriptions)])

        accepted = [answer for answer in answers if answer.kind is AnswerKind.ACCEPTED]
        assert 10 <= len(accepted) <= 20  # a second may have begun in between
        assert {answer.code for answer in answers if answer not in accepted} == {429}


@pytest.mark.asyncio
async def test_faults_can_be_read_and_cleared(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        await outside.call("PUT", "/faults", {"rejected": 0.25, "seed": 7})
        _, shown = await outside.call("GET", "/faults")
        assert (shown["rejected"], shown["seed"], shown["gone"]) == (0.25, 7, 0)

        assert (await outside.call("DELETE", "/faults"))[0] == 204
        assert (await outside.call("GET", "/faults"))[1]["rejected"] == 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ([], "object"),
        ({"lost_request": 0.1}, "lost_request"),
        ({"rejected": 1.1}, "rejected"),
        ({"rejected": -0.1}, "rejected"),
        ({"rejected": "0.1"}, "rejected"),
        ({"rejected": True}, "rejected"),
        ({"rejected": None}, "rejected"),
        ({"rejected": float("nan")}, "rejected"),
        ({"delay_ms": 1.5}, "delay_ms"),
        ({"failed_status": 404}, "failed_status"),
        ({"requests_per_second": -1}, "requests_per_second"),
        ({"rejected": 0.6, "gone": 0.6}, "sum"),
    ],
)
def test_what_is_not_understood_is_named(settings: object, named: str) -> None:
    with pytest.raises(InvalidFaults, match=named):
        read(settings)


def test_every_fate_but_being_served_has_a_share_of_its_name() -> None:
    for fate in set(Fate) - {Fate.SERVED}:
        dice = Dice()
        dice.set(read({fate.value: 1}))
        assert {dice.draw() for _ in range(20)} == {fate}


def test_the_same_seed_brings_the_same_fates_in_about_the_shares_asked_for() -> None:
    def drawn() -> list[Fate]:
        dice = Dice()
        dice.set(Faults(lost_answers=0.2, throttled=0.1, seed=42))
        return [dice.draw() for _ in range(5_000)]

    fates = drawn()

    assert fates == drawn()
    assert fates.count(Fate.LOST_ANSWER) == pytest.approx(1_000, rel=0.15)
    assert fates.count(Fate.THROTTLED) == pytest.approx(500, rel=0.2)
    assert fates.count(Fate.REJECTED) == 0
