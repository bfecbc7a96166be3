"""Owns the sandbox's memory: one append-only file of every accepted call, which survives a kill at any instant.

Never reads what a message says: bodies are kept as received, and understood when somebody asks for them.
"""

from __future__ import annotations

import itertools
import os
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from sandbox import records
from sandbox.records import FRAME, MAX_RECORD, Record

_BLOCK = 1 << 20


class Ledger:
    """Appends are buffered until `flush`, which must come before the call is answered."""

    def __init__(self, path: Path) -> None:
        """Open or begin the file; a record that was torn by a kill, and what follows it, is cut off."""
        self._path = path
        self._offsets = array("Q")  # of each record's frame; those of one call share theirs
        self._keys = defaultdict[int, set[str]](set)  # by channel
        self._buffer: list[tuple[bytes, int]] = []  # frames, and how many records each holds
        self._buffered: list[tuple[int, str]] = []
        self._buffered_repeats = 0
        self.repeats = 0
        self.generation = 0  # grows with every `clear`, so that caches notice
        self._file = path.open("ab+", buffering=0)
        self._end = self._load()
        self._file.truncate(self._end)

    def __len__(self) -> int:
        return len(self._offsets)

    def append(self, *, channel: int, at: int, to: str, key: str, body: bytes, replaces: bool = False) -> None:
        """Note a call; a repeat is one whose key was noted before, flushed or not."""
        keys = self._keys[channel]
        repeat = bool(key) and key in keys
        if repeat:
            self._buffered_repeats += 1
            self.repeats += 1
        elif key:
            keys.add(key)
            self._buffered.append((channel, key))
        frame = records.pack(channel, at, to.encode(), key.encode(), body, repeat=repeat, replaces=replaces)
        self._buffer.append((frame, 1))

    def append_call(self, *, channel: int, at: int, keys: Sequence[str], body: bytes) -> None:
        """Note a whole call, as it was received; none of its recipients' keys was noted before."""
        self._keys[channel].update(keys)
        self._buffered += zip(itertools.repeat(channel), keys)
        self._buffer.append((records.pack_call(channel, at, body), len(keys)))

    def knows(self, channel: int, key: str) -> bool:
        """Whether the key was noted before, flushed or not."""
        return key in self._keys[channel]

    def knows_none(self, channel: int, keys: Sequence[str]) -> bool:
        """Whether none of the keys was noted before, and no two are the same."""
        distinct = set(keys)
        return len(distinct) == len(keys) and self._keys[channel].isdisjoint(distinct)

    def flush(self) -> None:
        """Write what was appended. Raises OSError, and then nothing of it is in the ledger."""
        frames, self._buffer = self._buffer, []
        identities, self._buffered = self._buffered, []
        repeats, self._buffered_repeats = self._buffered_repeats, 0
        try:
            self._write(b"".join([frame for frame, _ in frames]))
        except OSError:
            for channel, key in identities:
                self._keys[channel].discard(key)
            self.repeats -= repeats
            self._file.truncate(self._end)
            raise
        for frame, size in frames:
            if size == 1:
                self._offsets.append(self._end)
            else:
                self._offsets.extend(itertools.repeat(self._end, size))
            self._end += len(frame)

    def read(self, first: int, count: int) -> list[Record]:
        """Up to `count` flushed records from number `first`."""
        return self.snapshot().read(first, count)

    def snapshot(self) -> Snapshot:
        """What is in the ledger now; stays readable while more is appended and after `clear`."""
        return Snapshot(os.dup(self._file.fileno()), self._offsets, len(self._offsets), self._end)

    def clear(self) -> None:
        """Begin a new log, the old one is gone for all but snapshots. What waits for `flush` goes to the new one."""
        fresh = self._path.with_suffix(".new")
        file = fresh.open("ab+", buffering=0)
        file.truncate(0)
        fresh.replace(self._path)
        self._file.close()
        self._file, self._offsets, self._end = file, array("Q"), 0
        self._keys, self.repeats = defaultdict(set), self._buffered_repeats
        for channel, key in self._buffered:
            self._keys[channel].add(key)
        self.generation += 1

    def close(self) -> None:
        self._file.close()

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]

    def _load(self) -> int:
        """Find every whole record; answers where the last one ends."""
        at, waiting = 0, b""
        while block := os.pread(self._file.fileno(), _BLOCK, at + len(waiting)):
            waiting += block
            used = self._index(waiting, at)
            at, waiting = at + used, waiting[used:]
            if len(waiting) > MAX_RECORD:
                break
        return at

    def _index(self, data: bytes, at: int) -> int:
        position = 0
        while held := records.content(data, position):
            for record in records.unpack_all(0, held):
                self._offsets.append(at + position)
                if record.key:
                    self._keys[record.channel].add(record.key)
                self.repeats += record.repeat
            position += FRAME.size + len(held)
        return position


class Snapshot:
    """The ledger as it was at one moment."""

    def __init__(self, descriptor: int, offsets: array[int], size: int, end: int) -> None:
        self._descriptor = descriptor
        self._offsets = offsets
        self._size = size
        self._end = end
        self._last: list[Record] = []

    def __len__(self) -> int:
        return self._size

    def __del__(self) -> None:
        os.close(self._descriptor)

    def read(self, first: int, count: int) -> list[Record]:
        """Up to `count` records from number `first`."""
        last = min(first + count, self._size)
        if first >= last:
            return []
        found: list[Record] = []
        number = bisect_left(self._offsets, self._offsets[first], hi=self._size)
        while number < last:
            frame = self._frame(number)
            found += frame[max(first - number, 0) : last - number]
            number += len(frame)
        return found

    def _frame(self, number: int) -> list[Record]:
        """The records of the frame that begins with this one."""
        if self._last and self._last[0].number == number:
            return self._last  # a call is read piece by piece
        start = self._offsets[number]
        behind = bisect_right(self._offsets, start, lo=number, hi=self._size)
        end = self._offsets[behind] if behind < self._size else self._end
        held = records.content(os.pread(self._descriptor, end - start, start), 0)
        self._last = records.unpack_all(number, held)
        return self._last
