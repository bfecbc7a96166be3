"""Owns reading the ledger for people and proofs: what each accepted call said, one JSON line per call.

Never writes. Bodies are understood when first read, in threads, and only their campaign is remembered.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.ledger import Ledger
from sandbox.records import Record

_SLICE = 64  # records that one thread understands in one go, about 10 ms
_THREADS = 2
_LOOK_AHEAD = 4  # slices


@dataclass(frozen=True, slots=True)
class Channel:
    """How one channel's records are read."""

    name: str
    content: Callable[[Record], dict[str, Any]]  # what the recipient sees; empty where that cannot be told
    campaign: Callable[[Record], str] | None = None  # a quicker way to its campaign than through the content


@dataclass(frozen=True, slots=True)
class Shown:
    """One accepted call and what its recipient sees."""

    record: Record
    channel: str
    content: dict[str, Any]


class Messages:
    """Reads one ledger; `channels` by the number in its records."""

    def __init__(self, ledger: Ledger, channels: Mapping[int, Channel]) -> None:
        self._ledger = ledger
        self._channels = channels
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="reading")
        self._campaigns: dict[int, str] = {}  # by record number
        self._generation = ledger.generation

    async def lines(
        self, *, campaign: str | None, channel: str | None, with_content: bool = False
    ) -> AsyncIterator[bytes]:
        """What is in the ledger now, in order, as chunks of whole lines; with what recipients see, where wanted."""
        snapshot, campaigns = self._ledger.snapshot(), self._known_campaigns()
        step = _SLICE * _LOOK_AHEAD
        for first in range(0, len(snapshot), step):
            numbers = range(first, min(first + step, len(snapshot)))
            if campaign is not None and _are_others(numbers, campaigns, campaign):
                await asyncio.sleep(0)
                continue
            records = snapshot.read(first, step)
            await self._understand(records, campaigns)
            chosen = [
                record
                for record in records
                if campaign in (None, campaigns[record.number]) and channel in (None, self._name(record))
            ]
            contents = [one.content for one in await self._shown(chosen)] if with_content else [None] * len(chosen)
            if chosen:
                pairs = zip(chosen, contents, strict=True)
                yield b"".join(self._line(record, campaigns[record.number], content) for record, content in pairs)

    async def of_campaign(self, campaign: str) -> AsyncIterator[list[Shown]]:
        """What the campaign's recipients see, in order, some at a time; of one key the first call only."""
        snapshot, campaigns, seen = self._ledger.snapshot(), self._known_campaigns(), set[str]()
        step = _SLICE * _LOOK_AHEAD
        for first in range(0, len(snapshot), step):
            if _are_others(range(first, min(first + step, len(snapshot))), campaigns, campaign):
                await asyncio.sleep(0)
                continue
            records = snapshot.read(first, step)
            await self._understand(records, campaigns)
            chosen = [one for one in records if campaigns[one.number] == campaign and one.key not in seen]
            seen.update(one.key for one in chosen)
            yield await self._shown(chosen)

    async def _shown(self, records: list[Record]) -> list[Shown]:
        contents = await asyncio.get_running_loop().run_in_executor(self._threads, self._contents, records)
        return [Shown(record, self._name(record), content) for record, content in zip(records, contents, strict=True)]

    async def newest(self, count: int) -> list[Shown]:
        """The last `count` calls, newest first."""
        snapshot = self._ledger.snapshot()
        records = snapshot.read(max(len(snapshot) - count, 0), count)
        return (await self._shown(records))[::-1]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _known_campaigns(self) -> dict[int, str]:
        if self._generation != self._ledger.generation:
            self._generation, self._campaigns = self._ledger.generation, {}
        return self._campaigns

    async def _understand(self, records: list[Record], campaigns: dict[int, str]) -> None:
        unknown = [record for record in records if record.number not in campaigns]
        parts = [unknown[at : at + _SLICE] for at in range(0, len(unknown), _SLICE)]
        loop = asyncio.get_running_loop()
        found = await asyncio.gather(*(loop.run_in_executor(self._threads, self._named, part) for part in parts))
        for part, names in zip(parts, found, strict=True):
            campaigns.update(zip((record.number for record in part), names, strict=True))

    def _named(self, records: list[Record]) -> list[str]:
        return [self._campaign(record) for record in records]

    def _campaign(self, record: Record) -> str:
        channel = self._channels.get(record.channel)
        if channel is None:
            return ""
        name = channel.campaign(record) if channel.campaign else _text(channel.content(record).get("campaign"))
        return sys.intern(name)  # one text for a million records

    def _contents(self, records: list[Record]) -> list[dict[str, Any]]:
        return [
            self._channels[record.channel].content(record) if record.channel in self._channels else {}
            for record in records
        ]

    def _name(self, record: Record) -> str:
        channel = self._channels.get(record.channel)
        return channel.name if channel is not None else ""

    def _line(self, record: Record, campaign: str, content: dict[str, Any] | None) -> bytes:
        line: dict[str, object] = {
            "key": record.key,
            "channel": self._name(record),
            "to": record.to,
            "campaign": campaign,
            "at": instant(record.at),
            "repeat": record.repeat,
            "replaces": record.replaces,
        }
        if content is not None:
            line["content"] = content
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _are_others(numbers: range, campaigns: Mapping[int, str], campaign: str) -> bool:
    """Whether all these records are known to be other campaigns': a long ledger is not read again for one of them."""
    return all(campaigns.get(number, campaign) != campaign for number in numbers)


def instant(milliseconds: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return (
        datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03}Z"
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
