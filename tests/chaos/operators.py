"""Owns the operators of a chaos run: they pause and resume, alone and two at once, and note what they were answered.

Never judges: the ledger of the receiving side tells whether an answered pause was kept.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.insisting import Insistent
from tools.client import CallFailed

OVER = (404, 409)  # the campaign has ended
PAUSED = "STATE_PAUSED"


@dataclass(frozen=True, slots=True)
class Hold:
    """A pause that was answered at one instant and not lifted before the other; UNIX seconds."""

    answered: float
    lifted: float


class Operators:
    """Whoever pauses and resumes one campaign; every command is repeated until it is answered."""

    def __init__(self, native: Insistent, campaign: str, *, seed: int, say: Callable[[str], None]) -> None:
        self._native = native
        self._say = say
        self._campaign = campaign
        self._dice = random.Random(f"operators of {seed}")
        self.holds: list[Hold] = []
        self.enough = False  # no further pause, once the last one is lifted
        self.last_wish = 0.0  # when the last command was first said, time.monotonic()
        self.doubted: list[str] = []  # what an answer said against what was shown then

    async def pause_now_and_then(self, times: int, *, seconds: float) -> None:
        """So many pauses, spread over so many seconds; ends earlier where the campaign does."""
        for number in range(times):
            await asyncio.sleep(self._dice.uniform(0.2, 1.0) * seconds / times)
            if self.enough:
                return
            together = number % 3 == 2
            if not await (self._two_at_once() if together else self._pause()):
                self._say("pause: the campaign has ended")
                return
            self._say("pause, by two operators at once" if together else "pause")
            await asyncio.sleep(self._dice.uniform(1.1, 2.0))
            await self._resume()
            self._say("resume")

    async def _pause(self) -> bool:
        answered = await self._insist("pause")
        if answered is None:
            return False
        self.holds.append(Hold(answered, float("inf")))
        if (shown := await self._state()) not in (PAUSED, None):
            self.doubted.append(f"a pause was answered, and then the campaign was {shown}")
        return True

    async def _two_at_once(self) -> bool:
        """One pauses, the other pauses or resumes; what is shown after both answers is what must be so."""
        other = self._dice.choice(("pause", "resume"))
        one, two = await asyncio.gather(self._insist("pause"), self._insist(other))
        if one is None or two is None:
            return await self._state() is not None
        if await self._state() == PAUSED:
            self.holds.append(Hold(max(one, two), float("inf")))
        elif other == "pause":
            self.doubted.append("two pauses were answered, and then the campaign was not paused")
        return True

    async def _resume(self) -> None:
        if self.holds and self.holds[-1].lifted == float("inf"):
            self.holds[-1] = Hold(self.holds[-1].answered, time.time())
        await self._insist("resume")

    async def _insist(self, command: str) -> float | None:
        """Command until it is answered; when that was, or None where the campaign has ended."""
        self.last_wish = time.monotonic()
        try:
            await self._native.call("POST", f"{self._campaign}:{command}", {})
        except CallFailed as refused:
            if refused.status in OVER:
                return None
            raise
        return time.time()

    async def _state(self) -> str | None:
        """What is shown; None where it is not the operators' any more."""
        state = (await self._native.call("GET", self._campaign))["state"]
        return state if state in (PAUSED, "STATE_ACTIVE") else None
