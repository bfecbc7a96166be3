"""Owns the rule of when a process counts as dead although it runs: too long without an answer.

Pure: the clock comes in, nothing is asked and nothing is killed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SILENCE_ALLOWED = 10.0  # seconds, for a process that has answered before
START_ALLOWED = 60.0  # seconds, for one that has not answered yet; each one after it that never did gets twice as many
LONGEST_START = 240.0  # seconds
ROUND = 2.0  # seconds between two questions
_LATE = 3 * ROUND  # a round this late says that the whole machine stood still, not that the others were silent


@dataclass
class _Watch:
    pid: int
    deadline: float
    start: float  # seconds that it was given to start
    answered: bool = False


class Vigil:
    """Knows each watched program's pid and until when it must have answered. Seconds are of one monotonic clock."""

    def __init__(self, *, now: float) -> None:
        self._watches: dict[str, _Watch] = {}
        self._patiences: dict[str, float] = {}  # of those that are not watched now: seconds for their next start
        self._last_round = now

    def observe(self, pids: Mapping[str, int], *, now: float) -> None:
        """Take over what runs now: a new pid gets the time of a start, a program without one is not watched."""
        for name in self._watches.keys() - pids.keys():
            self._patiences[name] = self._patience(name, now=now)
            del self._watches[name]
        for name, pid in pids.items():
            if name not in self._watches or self._watches[name].pid != pid:
                start = self._patience(name, now=now)
                self._watches[name] = _Watch(pid, now + start, start)

    def answered(self, name: str, pid: int, *, now: float) -> None:
        """It lives; an answer to a question that was put to an earlier process of that name does not count."""
        watch = self._watches.get(name)
        if watch is not None and watch.pid == pid:
            watch.deadline = now + SILENCE_ALLOWED
            watch.answered = True

    def _patience(self, name: str, *, now: float) -> float:
        """Seconds for its next start. Where a busy machine was the reason, starting anew would only make it busier."""
        watch = self._watches.get(name)
        if watch is None:
            return self._patiences.pop(name, START_ALLOWED)
        if watch.answered:
            return START_ALLOWED
        return min(2 * watch.start, LONGEST_START) if watch.deadline <= now else watch.start

    def overdue(self, *, now: float) -> dict[str, int]:
        """Programs whose time is up, with their pids; call it once a round."""
        standstill = now - self._last_round
        self._last_round = now
        if standstill > _LATE:
            for watch in self._watches.values():
                watch.deadline = max(watch.deadline, now + SILENCE_ALLOWED)
        return {name: watch.pid for name, watch in self._watches.items() if watch.deadline <= now}
