"""Owns the contract of a way, how a run's messages go over one channel: from positions of a chunk to answers.

Never claims or records.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from services.delivery.messages import RecipientColumns
from services.delivery.senders.sender import Answer, AnswerKind, Journal


class Way(Protocol):
    """One channel of one run."""

    async def send(
        self,
        batch: int,
        recipients: RecipientColumns,
        positions: Sequence[int],
        *,
        may_start: Callable[[], bool],
        journal: Journal | None,
    ) -> list[Answer]:
        """Build and try the messages of these positions of a batch; one Answer each, in any order.

        `journal` is there where the channel is one of JOURNALLED. Never raises for what a contact, a
        template, an account, a provider or a network does.
        """
        ...


def all_answered(positions: Sequence[int], kind: AnswerKind, reason: str = "") -> list[Answer]:
    """The same answer for each."""
    now = time.time()
    return [Answer(position, kind, 0, reason, now) for position in positions]


class NoWay:
    """Of a run that has nothing to say on this channel: its content was lost, or a newer version announced it."""

    async def send(
        self,
        batch: int,
        recipients: RecipientColumns,
        positions: Sequence[int],
        *,
        may_start: Callable[[], bool],
        journal: Journal | None,
    ) -> list[Answer]:
        """None of them can ever be sent."""
        return all_answered(positions, AnswerKind.REJECTED, "CONTENT_MISSING")
