"""A claim is at most what the process sends in a quarter of a second."""

from __future__ import annotations

from services.delivery.domain.pace import CLAIM_SECONDS, FIRST, LEAST, MOST_CLAIMS, Pace


def a_pace(*, claims_at_once: int = 1) -> Pace:
    return Pace(most=1000, claims_at_once=claims_at_once)


def test_the_first_claim_is_small_since_nothing_is_known() -> None:
    assert a_pace().claim_size == FIRST


def test_a_claim_is_what_is_sent_in_a_quarter_of_a_second() -> None:
    pace = a_pace()

    for _ in range(50):
        pace.observe(answered=200, seconds=1.0, claims=1)

    assert abs(pace.claim_size - 200 * CLAIM_SECONDS) <= 1


def test_claims_beside_each_other_are_one_pace() -> None:
    pace = a_pace(claims_at_once=2)

    pace.observe(answered=400, seconds=1.0, claims=2)

    assert pace.claim_size == 2 * 400 * CLAIM_SECONDS


def test_a_claim_is_never_larger_than_the_setting_nor_a_handful() -> None:
    quick, slow = a_pace(), a_pace()

    quick.observe(answered=100_000, seconds=1.0, claims=1)
    slow.observe(answered=1, seconds=10.0, claims=1)

    assert quick.claim_size == 1000
    assert slow.claim_size == LEAST


def test_a_claim_of_which_nothing_was_begun_says_nothing_of_the_pace() -> None:
    pace = a_pace()

    pace.observe(answered=0, seconds=3.0, claims=1)

    assert pace.claim_size == FIRST


def test_a_run_that_is_too_quick_for_its_claims_may_have_more_of_them() -> None:
    slow, quick, quickest = a_pace(claims_at_once=2), a_pace(claims_at_once=2), a_pace(claims_at_once=2)

    slow.observe(answered=400, seconds=1.0, claims=2)
    quick.observe(answered=1_000, seconds=0.125, claims=2)
    quickest.observe(answered=1_000, seconds=0.01, claims=2)

    assert (slow.claims, quick.claims, quickest.claims) == (2, 4, MOST_CLAIMS)
    assert quick.weight == 1 / 4
