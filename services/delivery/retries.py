"""Owns which messages a retry run takes: taken by one run only, and settled by its first complete call.

Never sends, and never touches what it does not take. Taking goes in slices, each a transaction; whoever is killed in
the middle goes on, since nothing is settled before all is taken. A message that turns out to have been sent after all
stays with the run that took it; the exclusion looks for that when the copy is claimed.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from services.delivery import retry_repository
from services.message_states import MessageState
from services.runtime.database import Database, Transaction
from services.runtime.errors import Invalid

SLICE = 5000
PLACE = struct.Struct(">12sii")  # run, batch, position
RETRYABLE = frozenset({MessageState.FAILED, MessageState.UNKNOWN, MessageState.EXPIRED})
Place = tuple[bytes, int, int]  # run, batch, position
FIRST: Place = (b"", -1, -1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a retry run is for; `reasons` and `places` are any where empty."""

    states: frozenset[int]
    reasons: tuple[str, ...]
    places: tuple[Place, ...]

    @classmethod
    def read(cls, *, states: Sequence[int], reasons: Sequence[str], messages: Sequence[bytes]) -> Wanted:
        """From a RetryOf. Raises Invalid where a message is no place; states that are no failure take nothing."""
        for index, message in enumerate(messages):
            if len(message) != PLACE.size:
                raise Invalid("MESSAGE_MALFORMED", "It has 20 bytes.", field=f"retry_of.messages[{index}]")
        return cls(
            states=RETRYABLE.intersection(states),
            reasons=tuple(reasons),
            places=tuple(PLACE.unpack(message) for message in messages),
        )


class Retries:
    """Takes messages for retry runs, and tells which."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, *, tenant: bytes, campaign: bytes, run: bytes, wanted: Wanted) -> None:
        """Take for the run what it wants, unless that is settled already."""
        after: Place | None = FIRST
        while after is not None:
            start = after

            async def work(tx: Transaction, start: Place = start) -> Place | None:
                if await retry_repository.is_settled(tx, run, campaign=campaign):
                    return None
                taken = await retry_repository.take(
                    tx, run, tenant=tenant, campaign=campaign, wanted=wanted, after=start, limit=SLICE
                )
                if taken is None:
                    await retry_repository.settle(tx, run)
                return taken

            after = await self._database.transaction(work)

    async def taken(self, run: bytes) -> AsyncIterator[tuple[bytes, int, list[int]]]:
        """(run, batch, positions) of what the run has taken, in that order; a batch may come in parts."""
        after = FIRST
        while True:
            start = after
            page = await self._database.transaction(
                lambda tx, start=start: retry_repository.taken_after(tx, run, after=start, limit=SLICE)  # type: ignore[misc]
            )
            for place, positions in _by_batch(page).items():
                yield (*place, positions)
            if len(page) < SLICE:
                return
            after = page[-1]


def _by_batch(places: Sequence[Place]) -> dict[tuple[bytes, int], list[int]]:
    found: dict[tuple[bytes, int], list[int]] = {}
    for run, batch, position in places:
        found.setdefault((run, batch), []).append(position)
    return found
