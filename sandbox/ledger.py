"""Owns the sandbox's memory: one append-only file of every accepted call, which survives a kill at any instant.

Never reads what a message says: bodies are kept as received, and understood when somebody asks for them.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from pathlib import Path

from sandbox import records
from sandbox.records import FRAME, MAX_RECORD, Record

_BLOCK = 1 << 20

Entry = tuple[str, str, bytes]  # to, key, body


class Ledger:
    """Appends are buffered until `flush`, which must come before the call is answered."""

    def __init__(self, path: Path) -> None:
        """Open or begin the file; a record that was torn by a kill, and what follows it, is cut off."""
        self._path = path
        self._offsets = array("Q")
        self._keys: set[tuple[int, str]] = set()
        self._buffer: list[bytes] = []
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
        identity = (channel, key)
        repeat = bool(key) and identity in self._keys
        if key and not repeat:
            self._keys.add(identity)
            self._buffered.append(identity)
        self._buffer.append(records.pack(Record(0, channel, at, to, key, body, repeat, replaces)))
        self._buffered_repeats += repeat
        self.repeats += repeat

    def append_all(self, *, channel: int, at: int, entries: Sequence[Entry]) -> None:
        """Note the recipients of one call, none of whose keys was noted before."""
        identities = [(channel, key) for _, key, _ in entries]
        self._keys.update(identities)
        self._buffered += identities
        self._buffer += [records.pack_new(channel, at, to, key, body) for to, key, body in entries]

    def knows(self, channel: int, key: str) -> bool:
        """Whether the key was noted before, flushed or not."""
        return (channel, key) in self._keys

    def flush(self) -> None:
        """Write what was appended. Raises OSError, and then nothing of it is in the ledger."""
        frames, self._buffer = self._buffer, []
        identities, self._buffered = self._buffered, []
        repeats, self._buffered_repeats = self._buffered_repeats, 0
        try:
            self._write(b"".join(frames))
        except OSError:
            self._keys.difference_update(identities)
            self.repeats -= repeats
            self._file.truncate(self._end)
            raise
        for frame in frames:
            self._offsets.append(self._end)
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
        self._keys, self.repeats = set(self._buffered), self._buffered_repeats
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
            self._offsets.append(at + position)
            record = records.unpack(0, held)
            if record.key:
                self._keys.add((record.channel, record.key))
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

    def __len__(self) -> int:
        return self._size

    def __del__(self) -> None:
        os.close(self._descriptor)

    def read(self, first: int, count: int) -> list[Record]:
        """Up to `count` records from number `first`."""
        last = min(first + count, self._size)
        if first >= last:
            return []
        start = self._offsets[first]
        end = self._offsets[last] if last < self._size else self._end
        data = os.pread(self._descriptor, end - start, start)
        return [
            records.unpack(number, records.content(data, self._offsets[number] - start))
            for number in range(first, last)
        ]
