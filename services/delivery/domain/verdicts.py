"""Owns what an answer means for its message: a final state, or another try and when.

Never gives up on what may still work: only a run's expiry does.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.delivery.senders.sender import Answer, AnswerKind
from services.message_states import MessageState

NO_ANSWER = "NO_ANSWER"
FIRST_BACK_OFF = 1.0
LONGEST_BACK_OFF = 300.0
LONGEST_RETRY_AFTER = 3600.0
GROUPING = 0.25  # times of retries are rounded up to this, so that many of them are one row


@dataclass(frozen=True, slots=True)
class Final:
    """The message's one final state."""

    state: MessageState
    reason: str


@dataclass(frozen=True, slots=True)
class Again:
    """Another try in so many seconds; `doubtful` if this one may have arrived; `attempt` counts tries begun."""

    seconds: float
    attempt: int
    doubtful: bool


def judge(answer: Answer, *, attempt: int, doubtful: bool, parks: bool, chance: float) -> Final | Again:
    """`attempt` tries went before; `doubtful` if one of them may have arrived; `parks` if a try without an answer ends
    the message; `chance` in [0, 1) spreads retries."""
    match answer.kind:
        case AnswerKind.ACCEPTED:
            return Final(MessageState.SENT, "")
        case AnswerKind.REJECTED | AnswerKind.RETIRED:
            return unsent(MessageState.FAILED, answer.reason, doubtful=doubtful)
        case AnswerKind.NOT_STARTED:
            return Again(0.0, attempt, doubtful)
        case AnswerKind.RETRY:
            return Again(_pause(answer, attempt=attempt, chance=chance), attempt + 1, doubtful)
        case AnswerKind.UNANSWERED if parks:
            return Final(MessageState.UNKNOWN, NO_ANSWER)
        case AnswerKind.UNANSWERED:
            return Again(back_off(attempt, chance=chance), attempt + 1, True)


def unsent(state: MessageState, reason: str, *, doubtful: bool) -> Final:
    """How a message ends that this time was not sent: if an earlier try may have arrived, nobody knows."""
    return Final(MessageState.UNKNOWN if doubtful else state, reason)


def back_off(attempt: int, *, chance: float) -> float:
    """Seconds: 1, 2, 4 … 300, of which between a half and all."""
    longest = min(FIRST_BACK_OFF * 2 ** min(attempt, 20), LONGEST_BACK_OFF)
    return _rounded(longest * (0.5 + chance / 2))


def _pause(answer: Answer, *, attempt: int, chance: float) -> float:
    if answer.retry_after > 0:
        return _rounded(min(answer.retry_after, LONGEST_RETRY_AFTER))
    return back_off(attempt, chance=chance)


def _rounded(seconds: float) -> float:
    return -(-seconds // GROUPING) * GROUPING
