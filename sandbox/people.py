"""Owns what people do with what they got: they click or close messages, and their browsers report it by the link in
each message, as the service worker would.

Never invents a link: only what was decrypted can be reported. The same share is always the same people; who clicks and
who dismisses are different ones as long as the two shares leave room.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator

import aiohttp

from sandbox.messages import Messages, Shown

EVENTS = ("clicked", "dismissed")
_AT_ONCE = 32
_SECONDS = 20


class People:
    """Everybody who got a message."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    async def act(self, *, campaign: str, share: float, event: str) -> AsyncIterator[bytes]:
        """Report the event for this share of the campaign's messages; one JSON line for each that was reported."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session:
            async for shown in self._messages.of_campaign(campaign):
                acting = [one for one in shown if "report" in one.content and _acts(one, share, event)]
                for start in range(0, len(acting), _AT_ONCE):
                    part = acting[start : start + _AT_ONCE]
                    statuses = await asyncio.gather(*(_report(session, one, event) for one in part))
                    yield b"".join(_line(one, event, status) for one, status in zip(part, statuses, strict=True))


def _acts(one: Shown, share: float, event: str) -> bool:
    draw = hashlib.blake2b(one.record.key.encode(), digest_size=4).digest()
    place = int.from_bytes(draw) / 2**32
    return place < share if event == EVENTS[0] else place >= 1 - share


async def _report(session: aiohttp.ClientSession, one: Shown, event: str) -> int:
    """The answer's status; 0 where there was none."""
    try:
        async with session.post(str(one.content["report"]), json={"event": event}) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return 0


def _line(one: Shown, event: str, status: int) -> bytes:
    line = {"to": one.record.to, "event": event, "report": one.content["report"], "status": status}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"
