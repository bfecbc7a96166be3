"""A claim is at most what the process sends in a quarter of a second."""

from __future__ import annotations

from services.delivery.domain.pace import CLAIM_SECONDS, FIRST, LEAST, Pace


def a_pace(*, claims_at_once: int = 1) -> Pace:
    return Pace(most=1000, claims_at_once=claims_at_once)


def test_the_first_claim_is_small_since_nothing_is_known() -> None:
    assert a_pace().claim_size == FIRST


def test_a_claim_is_what_is_sent_in_a_quarter_of_a_second() -> None:
    pace = a_pace()

    for _ in range(50):
        pace.observe(answered=200, seconds=1.0)

    assert abs(pace.claim_size - 200 * CLAIM_SECONDS) <= 1


def test_claims_beside_each_other_are_one_pace() -> None:
    pace = a_pace(claims_at_once=2)

    pace.observe(answered=400, seconds=1.0)

    assert pace.claim_size == 2 * 400 * CLAIM_SECONDS


def test_a_claim_is_never_larger_than_the_setting_nor_a_handful() -> None:
    quick, slow = a_pace(), a_pace()

    quick.observe(answered=100_000, seconds=1.0)
    slow.observe(answered=1, seconds=10.0)

    assert quick.claim_size == 1000
    assert slow.claim_size == LEAST


def test_a_claim_of_which_nothing_was_begun_says_nothing_of_the_pace() -> None:
    pace = a_pace()

    pace.observe(answered=0, seconds=3.0)

    assert pace.claim_size == FIRST
