"""Owns time: what a process may ask for, so that tests can answer."""

from __future__ import annotations

import datetime
import time
from typing import Protocol


class Clock(Protocol):
    """Two times: one for people, one for deadlines."""

    def now(self) -> datetime.datetime:
        """The instant, aware, in UTC."""
        ...

    def boot_seconds(self) -> float:
        """Seconds that go on while the machine sleeps or the process is frozen, and never turn back."""
        ...


class SystemClock:
    """The machine's own."""

    def now(self) -> datetime.datetime:
        """The wall clock in UTC."""
        return datetime.datetime.now(datetime.UTC)

    def boot_seconds(self) -> float:
        """CLOCK_BOOTTIME where there is one (Linux), else the monotonic clock."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
