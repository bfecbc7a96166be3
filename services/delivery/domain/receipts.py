"""Owns what a person may do with a message.

Never stores it. The numbers are those of carillon.events.v1.ReceiptKind.
"""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass

from services.delivery.domain.links import MessagePlace

LONGEST_ACTION = 100


class ReceiptKind(enum.IntEnum):
    """What was done."""

    CLICKED = 1
    DISMISSED = 2
    UNSUBSCRIBED = 3


# What a service worker may report; an unsubscribing comes with its effect, not as a word.
WORDS = {"clicked": ReceiptKind.CLICKED, "dismissed": ReceiptKind.DISMISSED}


@dataclass(frozen=True, slots=True)
class Receipt:
    """One thing that was done with one message."""

    place: MessagePlace
    kind: ReceiptKind
    action: str  # the button, empty where none was pressed
    at: datetime.datetime


def read_receipt(place: MessagePlace | None, *, event: str, action: str, now: datetime.datetime) -> Receipt | None:
    """The receipt; None where the link was forged, or the event is none of ours."""
    kind = WORDS.get(event)
    if place is None or kind is None:
        return None
    return Receipt(place=place, kind=kind, action=action.replace("\0", "")[:LONGEST_ACTION], at=now)
