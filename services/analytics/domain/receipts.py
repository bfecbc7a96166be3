"""Owns receipts as they are stored, columns of equal length, and how many messages got which kind.

Never counts: the counters do, in the transaction that stores the rows. The kinds' numbers are those of
carillon.events.v1.ReceiptKind.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class ReceiptKind(enum.IntEnum):
    """What a person did with a message."""

    CLICKED = 1
    DISMISSED = 2
    UNSUBSCRIBED = 3


@dataclass(frozen=True, slots=True)
class Receipts:
    """Receipts of one run; each (batch, position, kind) counts once."""

    tenant: bytes
    campaign: bytes
    run: bytes
    batches: Sequence[int]
    positions: Sequence[int]
    kinds: Sequence[int]
    times: Sequence[int]  # milliseconds since 1970


@dataclass(frozen=True, slots=True)
class ReceiptCounts:
    """Messages by what was done with them, each at least once."""

    clicked: int = 0
    dismissed: int = 0
    unsubscribed: int = 0

    @classmethod
    def of(cls, by_kind: Mapping[int, int]) -> ReceiptCounts:
        """From kind → n, where kinds without messages may be absent."""
        return cls(**{kind.name.lower(): by_kind.get(kind, 0) for kind in ReceiptKind})

    @property
    def progress(self) -> int:
        """Grows with every row that is stored."""
        return self.clicked + self.dismissed + self.unsubscribed
