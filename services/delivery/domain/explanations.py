"""Owns why somebody was, was not, or will be messaged by one channel: the verdict, and its words.

Never looks anything up: what is known comes in.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from services.delivery.domain.channels import Channel
from services.message_states import MessageState


class Verdict(enum.IntEnum):
    """The numbers of carillon.delivery.v1.Finding.Verdict."""

    FINAL = 1
    PENDING = 2
    HELD = 3
    WILL_BE_SUPPRESSED = 4
    WOULD_BE_SENT = 5
    WOULD_BE_SUPPRESSED = 6
    BEING_RESOLVED = 7
    NOT_IN_AUDIENCE = 8
    NO_ADDRESS = 9
    SUBSCRIPTION_RETIRED = 10
    NEVER_STARTED = 11
    NO_AUDIENCE_YET = 12


class Stage(enum.Enum):
    """How far the campaign's audience is."""

    NOT_STARTED = "not started"
    BEING_RESOLVED = "being resolved"
    FROZEN = "frozen"
    NEVER_STARTED = "ended without one"


class Reach(enum.Enum):
    """Whether the channel could reach the contact now."""

    REACHABLE = "reachable"
    NO_ADDRESS = "no address"
    RETIRED = "every subscription is retired"


WORDS = {Channel.PUSH: "push", Channel.EMAIL: "email", Channel.HTTP: "HTTP"}
ADDRESSES = {Channel.PUSH: "push subscription", Channel.EMAIL: "email address", Channel.HTTP: "external id"}
FINAL_SENTENCES = {
    MessageState.SENT: "it was sent, the provider accepted it at {time}",
    MessageState.FAILED: "it failed at {time}: {reason}",
    MessageState.SUPPRESSED: "it was not sent, since the contact was suppressed: {reason}",
    MessageState.CANCELLED: "it was not sent, since the campaign was cancelled first",
    MessageState.EXPIRED: "it was not sent, since its time ran out first",
    MessageState.UNKNOWN: "it was tried, and whether it arrived is not known: {reason}",
}
SENTENCES = {
    Verdict.PENDING: "it is to be sent, {time}",
    Verdict.HELD: "it waits, and nothing is sent until the campaign is resumed",
    Verdict.WILL_BE_SUPPRESSED: "it waits and will not be sent, since the contact is suppressed: {reason}",
    Verdict.WOULD_BE_SENT: "the campaign has not started; as of now, the contact would be messaged",
    Verdict.WOULD_BE_SUPPRESSED: "as of now, the contact would not be messaged, being suppressed: {reason}",
    Verdict.BEING_RESOLVED: "the audience is still being resolved, and as of now the contact belongs to it",
    Verdict.NOT_IN_AUDIENCE: "the audience's filter does not let the contact through",
    Verdict.NO_ADDRESS: "the contact has no {address}",
    Verdict.SUBSCRIPTION_RETIRED: "every push subscription that the contact has is retired",
    Verdict.NEVER_STARTED: "the campaign ended without ever having had an audience",
    Verdict.NO_AUDIENCE_YET: "the campaign does not say yet whom it is for",
}
NOT_THEN = (
    "the contact was not in the audience when it was frozen, or could not be reached then, though it would be now"
)


@dataclass(frozen=True, slots=True)
class Absence:
    """What is known of a contact to whom there is no message by a channel."""

    stage: Stage
    has_audience: bool  # whether the campaign says whom it is for
    member: bool  # whether the audience's filter lets the contact through now
    reach: Reach
    suppressed: bool


def why_absent(known: Absence) -> Verdict:
    """Why there is no message."""
    if known.stage is Stage.NEVER_STARTED:
        return Verdict.NEVER_STARTED
    if not known.has_audience:
        return Verdict.NO_AUDIENCE_YET
    if not known.member:
        return Verdict.NOT_IN_AUDIENCE
    if known.reach is not Reach.REACHABLE:
        return Verdict.NO_ADDRESS if known.reach is Reach.NO_ADDRESS else Verdict.SUBSCRIPTION_RETIRED
    if known.stage is Stage.FROZEN:
        return Verdict.NOT_IN_AUDIENCE
    if known.suppressed:
        return Verdict.WOULD_BE_SUPPRESSED
    return Verdict.WOULD_BE_SENT if known.stage is Stage.NOT_STARTED else Verdict.BEING_RESOLVED


def why_waiting(*, suppressed: bool, paused: bool) -> Verdict:
    """What a message waits for that is not final."""
    if suppressed:
        return Verdict.WILL_BE_SUPPRESSED
    return Verdict.HELD if paused else Verdict.PENDING


def sentence(verdict: Verdict, channel: int, *, reason: str = "", time: str = "") -> str:
    """`By email: …`; `reason` of the suppression, `time` of the next try."""
    text = SENTENCES[verdict].format(address=ADDRESSES[Channel(channel)], reason=reason, time=time)
    return _spoken(channel, text)


def sentence_not_then(channel: int) -> str:
    """For NOT_IN_AUDIENCE where the contact belongs to it by now."""
    return _spoken(channel, NOT_THEN)


def final_sentence(state: MessageState, channel: int, *, reason: str, time: str) -> str:
    """The same for a message that is final."""
    return _spoken(channel, FINAL_SENTENCES[state].format(reason=reason, time=time))


def _spoken(channel: int, text: str) -> str:
    return f"By {WORDS[Channel(channel)]}: {text}."
