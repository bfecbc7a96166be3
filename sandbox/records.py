"""Owns one record of the ledger and its bytes: a frame with length and checksum, so that a torn one is seen.

Never touches a file.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass

from sandbox import calls

FRAME = struct.Struct(">II")  # length and CRC-32 of what follows
_FIELDS = struct.Struct(">QBBHH")  # at (ms), channel, marks, length of `to`, length of `key`; then to, key, body
MAX_RECORD = 1 << 24
_REPEAT, _REPLACES, _CALL = 1, 2, 4


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


def pack(channel: int, at: int, to: bytes, key: bytes, body: bytes, *, repeat: bool, replaces: bool) -> bytes:
    """The frame of one record, whose number is its place in the file."""
    marks = (_REPEAT if repeat else 0) | (_REPLACES if replaces else 0)
    content = b"%b%b%b%b" % (_FIELDS.pack(at, channel, marks, len(to), len(key)), to, key, body)
    return FRAME.pack(len(content), zlib.crc32(content)) + content


def pack_call(channel: int, at: int, body: bytes) -> bytes:
    """The frame of a whole call (calls.py), none of whose recipients was known before."""
    content = _FIELDS.pack(at, channel, _CALL, 0, 0) + body
    return FRAME.pack(len(content), zlib.crc32(content)) + content


def unpack_all(number: int, held: bytes) -> list[Record]:
    """The records that a frame holds, the first of which has this number: one, or one for each recipient of a call."""
    at, channel, marks, _, _ = _FIELDS.unpack_from(held)
    if not marks & _CALL:
        return [unpack(number, held)]
    recipients = calls.recipients_of(json.loads(held[_FIELDS.size :]))
    return [
        Record(number + index, channel, at, to, key, body, repeat=False, replaces=False)
        for index, (to, key, body) in enumerate(recipients)
    ]


def content(data: bytes, position: int) -> bytes:
    """What the frame at `position` holds; empty where it is torn or absent."""
    if len(data) < position + FRAME.size:
        return b""
    length, checksum = FRAME.unpack_from(data, position)
    held = data[position + FRAME.size : position + FRAME.size + length]
    return held if len(held) == length >= _FIELDS.size and zlib.crc32(held) == checksum else b""


def unpack(number: int, held: bytes) -> Record:
    """The record that a frame holds."""
    at, channel, marks, to_size, key_size = _FIELDS.unpack_from(held)
    to_end = _FIELDS.size + to_size
    key_end = to_end + key_size
    return Record(
        number,
        channel,
        at,
        held[_FIELDS.size : to_end].decode(),
        held[to_end:key_end].decode(),
        held[key_end:],
        bool(marks & _REPEAT),
        bool(marks & _REPLACES),
    )
