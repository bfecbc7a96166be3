"""Owns what is known of a run's audience while it is frozen and after.

Never changes: repository.py moves the state, and only from RESOLVING.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class AudienceState(enum.Enum):
    """Where freezing stands; the two others are final."""

    RESOLVING = "RESOLVING"
    COMPLETE = "COMPLETE"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True)
class Audience:
    """A run's audience as far as it has come."""

    tenant: bytes
    project: bytes
    campaign: bytes
    run: bytes
    filter: bytes  # serialized, as it was when the run started
    state: AudienceState
    batch_count: int
    message_count: int
    contact_count: int
    last_contact: bytes  # empty before the first batch
    last_channel: int
    last_endpoint: bytes
    failure_reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A piece of it: `size` positions, column by column in `recipients`."""

    number: int
    size: int
    contact_count: int  # people not already in the batch before
    first: tuple[bytes, bytes]  # (contact, endpoint)
    last: tuple[bytes, bytes]
    last_channel: int
    digest: bytes
    recipients: bytes
