"""What push services answer, and what it means."""

from __future__ import annotations

import email.utils
import re

import pytest

from services.delivery.senders.push_answers import meaning, seconds_to_wait
from services.delivery.senders.sender import AnswerKind

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (200, AnswerKind.ACCEPTED, ""),
        (201, AnswerKind.ACCEPTED, ""),
        (202, AnswerKind.ACCEPTED, ""),
        (204, AnswerKind.ACCEPTED, ""),
        (307, AnswerKind.REJECTED, "PUSH_REJECTED_307"),
        (400, AnswerKind.REJECTED, "PUSH_REJECTED_400"),
        (401, AnswerKind.REJECTED, "PUSH_REJECTED_401"),
        (403, AnswerKind.REJECTED, "PUSH_REJECTED_403"),
        (404, AnswerKind.RETIRED, "PUSH_SUBSCRIPTION_GONE"),
        (410, AnswerKind.RETIRED, "PUSH_SUBSCRIPTION_GONE"),
        (413, AnswerKind.REJECTED, "PUSH_PAYLOAD_TOO_LARGE"),
        (429, AnswerKind.RETRY, "PUSH_TOO_MANY_REQUESTS"),
        (500, AnswerKind.RETRY, "PUSH_SERVICE_UNAVAILABLE"),
        (502, AnswerKind.RETRY, "PUSH_SERVICE_UNAVAILABLE"),
        (503, AnswerKind.RETRY, "PUSH_SERVICE_UNAVAILABLE"),
        (504, AnswerKind.RETRY, "PUSH_SERVICE_UNAVAILABLE"),
    ],
)
def test_a_status_means(status: int, kind: AnswerKind, reason: str) -> None:
    assert meaning(status) == (kind, reason)


def test_every_final_status_has_a_meaning_and_only_acceptance_has_no_reason() -> None:
    for status in range(200, 1_000):
        kind, reason = meaning(status)
        assert (reason == "") == (kind is AnswerKind.ACCEPTED)
        assert re.fullmatch(r"[A-Z0-9_]*", reason)


def test_retry_after_is_a_number_of_seconds_or_a_date() -> None:
    date = email.utils.formatdate(NOW + 90, usegmt=True)

    assert seconds_to_wait("120", now=NOW) == 120
    assert seconds_to_wait(date, now=NOW) == pytest.approx(90, abs=1)


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "²", "Thu, 99 Foo 2026 00:00:00 GMT"])
def test_a_retry_after_that_is_neither_names_no_wait(value: str) -> None:
    assert seconds_to_wait(value, now=NOW) == 0


def test_a_date_that_has_passed_is_no_wait_and_nobody_makes_us_wait_for_years() -> None:
    assert seconds_to_wait(email.utils.formatdate(NOW - 90, usegmt=True), now=NOW) == 0
    assert seconds_to_wait("9" * 400, now=NOW) == 24 * 3600
