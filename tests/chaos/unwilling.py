"""Owns those who want no further messages while a chaos campaign is being sent: they say so, one after the other, and
note when they were answered.

Never judges: the ledger of the receiving side tells whether they were left alone.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from services.runtime import ids
from tests.chaos.insisting import Insistent
from tests.chaos.ways import Way
from tools.workspace import Workspace

Place = tuple[str, str]  # channel and recipient, as the ledger names them
PEOPLE = """
SELECT c.id, c.external_id, c.email, s.endpoint
  FROM segments.contact c JOIN segments.push_subscription s ON s.contact = c.id
 WHERE c.tenant = $1 AND c.external_id = ANY($2)
"""


@dataclass(frozen=True, slots=True)
class Person:
    """A contact, and where a message of the campaign would reach it."""

    contact: str
    places: frozenset[Place]


async def choose(
    described: Mapping[str, Any], workspace: Workspace, count: int, *, among: int, way: Way, seed: int
) -> list[Person]:
    """`count` of the workspace's `among` people, always the same for the same seed."""
    dice = random.Random(f"unwilling of {seed}")
    names = [f"person-{index}" for index in dice.sample(range(among), count)]
    connection = await asyncpg.connect(described["postgres"])
    try:
        rows = await connection.fetch(PEOPLE, ids.parse("org", workspace.organization), names)
    finally:
        await connection.close()
    return [Person(ids.spell("con", row["id"]), _places(row, way)) for row in rows]


def _places(row: asyncpg.Record, way: Way) -> frozenset[Place]:
    named = {"push": row["endpoint"].rpartition("/")[2], "http": row["external_id"], "email": row["email"]}
    return frozenset((channel, named[channel]) for channel in way.value)


class Unwilling:
    """Of one campaign."""

    def __init__(
        self, native: Insistent, project: str, people: Sequence[Person], *, way: Way, say: Callable[[str], None]
    ) -> None:
        self._native = native
        self._project = project
        self._people = people
        self._channels = [f"CHANNEL_{channel.upper()}" for channel in way.value]
        self._say = say
        self.answered: dict[Place, float] = {}  # when it was told that it will be left alone, UNIX seconds
        self.enough = False  # nobody else wants out

    async def leave_now_and_then(self, *, seconds: float) -> None:
        """Spread over so many seconds."""
        for person in self._people:
            await asyncio.sleep(seconds / len(self._people))
            if self.enough:
                return
            body = {"channels": self._channels, "reason": "ASKED_BY_PHONE"}
            await self._native.call("POST", f"{self._project}/contacts/{person.contact}:suppress", body)
            self.answered |= dict.fromkeys(person.places, time.time())
            self._say("somebody wants no further messages")
