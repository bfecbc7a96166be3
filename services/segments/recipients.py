"""Owns a batch's positions as columns: written from the walk's rows.

Never decides which positions make a batch; it says how many bytes each takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from carillon.events.v1.audience_batches_pb2 import FieldColumn, Recipients
from carillon.segments.v1.segments_pb2 import CHANNEL_PUSH

from services.runtime import ids

P256DH_BYTES = 65
AUTH_BYTES = 16
FIXED_BYTES = 2 * ids.SIZE + P256DH_BYTES + AUTH_BYTES + 1 + 4  # of a position, beside its texts
TEXT_BYTES = 3  # that a text costs beside its own
UTF8_BYTES = 4  # that a character takes at most
FIELDS = 6  # contact, channel, endpoint, address, p256dh, auth; the fields follow

Row = Sequence[Any]


def position_bytes(row: Row) -> int:
    """How many bytes a position takes in a batch, at most."""
    size = FIXED_BYTES + len(row[3].encode())
    for value in row[FIELDS:]:
        size += TEXT_BYTES + len(value.encode())
    return size


def most_bytes(rows: Sequence[Row]) -> int:
    """An upper bound of what these positions take, found without looking at each text's encoding."""
    texts = [3, *range(FIELDS, len(rows[0]))] if rows else []
    characters = sum(sum(map(len, map(itemgetter(column), rows))) for column in texts)
    return UTF8_BYTES * characters + len(rows) * (FIXED_BYTES + TEXT_BYTES * len(texts))


def write_recipients(rows: Sequence[Row]) -> bytes:
    """The serialized columns of these positions, at least one."""
    contacts, channels, endpoints, addresses, p256dh, auths, *fields = zip(*rows, strict=True)
    recipients = Recipients(
        contacts=b"".join(contacts),
        channels=set(channels) if len(set(channels)) == 1 else channels,
        addresses=addresses,
        fields=[FieldColumn(values=values) for values in fields],
    )
    if CHANNEL_PUSH in channels:
        recipients.endpoints = b"".join(endpoints)
        recipients.p256dh = b"".join(key or bytes(P256DH_BYTES) for key in p256dh)
        recipients.auths = b"".join(key or bytes(AUTH_BYTES) for key in auths)
    return recipients.SerializeToString()


def read_rows(serialized: bytes) -> list[Row]:
    """The positions as the walk gave them."""
    recipients = Recipients.FromString(serialized)
    size = len(recipients.addresses)
    channels = list(recipients.channels) if len(recipients.channels) > 1 else list(recipients.channels) * size
    columns = (
        _cut(recipients.contacts, size, ids.SIZE),
        channels,
        _cut(recipients.endpoints, size, ids.SIZE) if recipients.endpoints else [bytes(ids.SIZE)] * size,
        recipients.addresses,
        _cut(recipients.p256dh, size, P256DH_BYTES),
        _cut(recipients.auths, size, AUTH_BYTES),
        *(column.values for column in recipients.fields),
    )
    return list(zip(*columns, strict=True))


def _cut(column: bytes, size: int, width: int) -> list[bytes]:
    """The entries of a column of bytes; empty ones where it is absent."""
    return [column[index * width : (index + 1) * width] for index in range(size)]
