"""Owns what goes wrong in the outside world: rates, delays and limits that a test sets, and the dice.

Never carries a fault out: whoever serves a call asks for its fate and obeys.
"""

from __future__ import annotations

import dataclasses
import enum
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

_MAX_DELAY = 600_000


class Fate(enum.Enum):
    """What happens to one call."""

    SERVED = "served"
    LOST_REQUEST = "lost_requests"
    LOST_ANSWER = "lost_answers"
    THROTTLED = "throttled"
    FAILED = "failed"
    REJECTED = "rejected"
    GONE = "gone"


class InvalidFaults(Exception):
    """Raised for a setting that is not understood; the text names it."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares are of all calls, 0 to 1, and exclude each other: their sum is at most 1. An email is one call; what its
    fates are in SMTP's words says `mail.py`.
    """

    lost_requests: float = 0.0  # read and dropped: no answer, nothing in the ledger
    lost_answers: float = 0.0  # accepted into the ledger, then the connection is dropped
    throttled: float = 0.0  # 429
    failed: float = 0.0  # `failed_status`
    rejected: float = 0.0  # 400
    gone: float = 0.0  # 410, and the subscription is retired for good
    retry_after: int | None = 1  # seconds, in 429; null leaves the header out
    failed_status: int = 503
    failed_retry_after: int | None = None  # seconds; null leaves the header out
    delay_ms: int = 0  # before every answer
    offline_ms: int = 0  # how long after acceptance a browser gets its push; until then its Topic may replace it
    recipients_rejected: float = 0.0  # of the recipients of an HTTP call, refused one by one
    recipients_deferred: float = 0.0  # the same, to be tried again
    requests_per_second: int = 0  # 429 beyond; 0 is no limit
    seed: int | None = None  # the same seed, the same fates


_SHARES_OF_RECIPIENTS = ("recipients_rejected", "recipients_deferred")
_SHARES = {fate.value: fate for fate in Fate if fate is not Fate.SERVED}
_RANGES: dict[str, tuple[int, int]] = {
    "retry_after": (0, 86_400),
    "failed_status": (500, 599),
    "failed_retry_after": (0, 86_400),
    "delay_ms": (0, _MAX_DELAY),
    "offline_ms": (0, _MAX_DELAY),
    "requests_per_second": (0, 1_000_000),
    "seed": (0, 2**63 - 1),
}
_NULLABLE = ("retry_after", "failed_retry_after", "seed")


def read(settings: object) -> Faults:
    """A whole set of faults from JSON; what it does not name is off. Raises InvalidFaults."""
    if not isinstance(settings, dict):
        raise InvalidFaults("a JSON object is expected")
    known = {field.name for field in dataclasses.fields(Faults)}
    for name, value in settings.items():
        if name not in known:
            raise InvalidFaults(f"unknown key {name!r}; known are {', '.join(sorted(known))}")
        _check(name, value)
    faults = Faults(**settings)
    for together in (tuple(_SHARES), _SHARES_OF_RECIPIENTS):
        if sum(getattr(faults, name) for name in together) > 1.0 + 1e-9:
            raise InvalidFaults(f"the sum of {', '.join(together)} is more than 1")
    return faults


def _check(name: str, value: object) -> None:
    if value is None and name in _NULLABLE:
        return
    if name in _SHARES or name in _SHARES_OF_RECIPIENTS:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise InvalidFaults(f"{name} is a number from 0 to 1")
        return
    low, high = _RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidFaults(f"{name} is a whole number from {low} to {high}")


class Dice:
    """Draws the fate of each call from the faults set."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._second = 0
        self._seen = 0
        self.set(Faults())

    def set(self, faults: Faults) -> None:
        self.faults = faults
        self._random = random.Random(faults.seed)
        self._shares = [(fate, getattr(faults, name)) for name, fate in _SHARES.items() if getattr(faults, name)]

    def draw(self) -> Fate:
        limit = self.faults.requests_per_second
        if limit and self._is_over(limit):
            return Fate.THROTTLED
        if not self._shares:
            return Fate.SERVED
        point = self._random.random()
        for fate, share in self._shares:
            if point < share:
                return fate
            point -= share
        return Fate.SERVED

    def _is_over(self, limit: int) -> bool:
        second = int(self._now())
        if second != self._second:
            self._second, self._seen = second, 0
        self._seen += 1
        return self._seen > limit
