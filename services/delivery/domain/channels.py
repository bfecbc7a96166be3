"""Owns the ways a message goes, and which of them can be asked twice without sending twice.

Never knows a provider. The numbers are those of carillon.segments.v1.Channel.
"""

from __future__ import annotations

import enum


class Channel(enum.IntEnum):
    """How a message goes."""

    PUSH = 1
    EMAIL = 2
    HTTP = 3


# Their providers honour no idempotency key: what got no answer cannot be asked again harmlessly.
WITHOUT_KEYS = frozenset({Channel.EMAIL})
# Every attempt is written down before it can arrive (see journal.py), so that a death leaves in doubt only what was on
# the wire. A push service replaces what it has not delivered yet (RFC 8030 §5.4), which is not quite a key.
JOURNALLED = WITHOUT_KEYS | {Channel.PUSH}


class UnknownPolicy(enum.IntEnum):
    """What becomes of a message in doubt on such a channel; the numbers of carillon.campaigns.v1.UnknownPolicy."""

    PARK = 1
    RETRY = 2


def parks(channel: int, policy: UnknownPolicy) -> bool:
    """Whether an attempt that got no answer ends the message, since another might be a second message."""
    return channel in WITHOUT_KEYS and policy is UnknownPolicy.PARK
