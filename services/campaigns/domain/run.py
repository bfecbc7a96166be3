"""Owns a run as campaigns sees it: when it started, how large it is, how it ended."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass


class RunState(enum.IntEnum):
    """As carillon.campaigns.v1.Run.State."""

    PREPARING = 1
    SENDING = 2
    COMPLETED = 3
    CANCELLED = 4
    FAILED = 5


RUN_ENDED = frozenset({RunState.COMPLETED, RunState.CANCELLED, RunState.FAILED})


@dataclass(slots=True)
class Run:
    """One dispatch. Counts are the estimate at launch until the audience is frozen."""

    id: bytes
    tenant: bytes
    campaign: bytes
    state: RunState
    message_count: int
    contact_count: int
    started_at: datetime.datetime
    queued: int = 0  # what counts as queued of it: all while it goes on, sent and failed at rest
    failure_reason: str = ""
    ended_at: datetime.datetime | None = None
    correction: int = 0  # how often late answers corrected its numbers since it ended

    @property
    def is_open(self) -> bool:
        """Whether its numbers may still change."""
        return self.state not in RUN_ENDED

    def freeze(self, *, messages: int, contacts: int, failure_reason: str) -> None:
        """Its audience is known exactly."""
        self.message_count, self.contact_count, self.queued = messages, contacts, messages
        self.failure_reason = failure_reason
        self.state = RunState.SENDING

    def end(self, *, state: RunState, messages: int, queued: int, at: datetime.datetime, correction: int = 0) -> None:
        """Every message has its final state and every book says the same."""
        self.state = RunState.FAILED if self.failure_reason else state
        self.message_count, self.queued, self.ended_at, self.correction = messages, queued, at, correction

    def correct(self, *, queued: int, correction: int) -> bool:
        """Late answers changed what became of its messages; whether that is news."""
        if self.is_open or correction <= self.correction:
            return False
        self.queued, self.correction = queued, correction
        return True
