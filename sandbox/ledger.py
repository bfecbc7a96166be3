"""Owns the sandbox's memory: one append-only file of every accepted call, which survives a kill at any instant.

Never reads what a message says: bodies are kept as received, and understood when somebody asks for them.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from dataclasses import dataclass
from pathlib import Path

_FRAME = struct.Struct(">II")  # length and CRC-32 of what follows
_FIELDS = struct.Struct(">QBBHH")  # at (ms), channel, marks, length of `to`, length of `key`; then to, key, body
_MAX_RECORD = 1 << 24
_REPEAT, _REPLACES = 1, 2
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """One accepted call."""

    number: int  # from 0, in the order of acceptance
    channel: int
    at: int  # UNIX milliseconds
    to: str  # the recipient as the channel names it: for push the subscription's id
    key: str  # the idempotency key, for push the Topic; may be empty
    body: bytes  # as received
    repeat: bool  # the same key was accepted before
    replaces: bool  # took the place of a message that had not been delivered yet


class Ledger:
    """Appends are buffered until `flush`, which must come before the call is answered."""

    def __init__(self, path: Path) -> None:
        """Open or begin the file; a record that was torn by a kill, and what follows it, is cut off."""
        self._path = path
        self._offsets = array("Q")
        self._keys: set[tuple[int, str]] = set()
        self._buffer: list[bytes] = []
        self._buffered: list[tuple[int, str]] = []
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
        marks = (_REPEAT if repeat else 0) | (_REPLACES if replaces else 0)
        to_bytes, key_bytes = to.encode(), key.encode()
        content = _FIELDS.pack(at, channel, marks, len(to_bytes), len(key_bytes)) + to_bytes + key_bytes + body
        self._buffer.append(_FRAME.pack(len(content), zlib.crc32(content)) + content)
        self.repeats += repeat

    def flush(self) -> None:
        """Write what was appended. Raises OSError, and then nothing of it is in the ledger."""
        frames, self._buffer = self._buffer, []
        identities, self._buffered = self._buffered, []
        try:
            self._write(b"".join(frames))
        except OSError:
            self._keys.difference_update(identities)
            self.repeats -= sum(frame[_FRAME.size + 9] & _REPEAT for frame in frames)
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
        """Begin a new log; the old one is gone for all but its snapshots."""
        fresh = self._path.with_suffix(".new")
        file = fresh.open("ab+", buffering=0)
        file.truncate(0)
        fresh.replace(self._path)
        self._file.close()
        self._file, self._offsets, self._end = file, array("Q"), 0
        self._keys, self.repeats = set(), 0
        self._buffer, self._buffered = [], []
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
            if len(waiting) > _MAX_RECORD:
                break
        return at

    def _index(self, data: bytes, at: int) -> int:
        position = 0
        while content := _content(data, position):
            self._offsets.append(at + position)
            record = _record(0, content)
            if record.key:
                self._keys.add((record.channel, record.key))
            self.repeats += record.repeat
            position += _FRAME.size + len(content)
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
        return [_record(number, _content(data, self._offsets[number] - start)) for number in range(first, last)]


def _content(data: bytes, position: int) -> bytes:
    """The record whose frame begins at `position`; empty where it is torn or absent."""
    if len(data) < position + _FRAME.size:
        return b""
    length, checksum = _FRAME.unpack_from(data, position)
    content = data[position + _FRAME.size : position + _FRAME.size + length]
    return content if len(content) == length >= _FIELDS.size and zlib.crc32(content) == checksum else b""


def _record(number: int, content: bytes) -> Record:
    at, channel, marks, to_size, key_size = _FIELDS.unpack_from(content)
    to_end = _FIELDS.size + to_size
    key_end = to_end + key_size
    return Record(
        number,
        channel,
        at,
        content[_FIELDS.size : to_end].decode(),
        content[to_end:key_end].decode(),
        content[key_end:],
        bool(marks & _REPEAT),
        bool(marks & _REPLACES),
    )
