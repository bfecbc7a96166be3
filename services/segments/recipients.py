"""Owns a batch's positions as columns: written from the walk's rows.

Never decides which positions make a batch; it says how many bytes each takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carillon.events.v1.audience_batches_pb2 import FieldColumn, Recipients
from carillon.segments.v1.segments_pb2 import CHANNEL_PUSH

from services.runtime import ids

P256DH_BYTES = 65
AUTH_BYTES = 16
FIXED_BYTES = 2 * ids.SIZE + P256DH_BYTES + AUTH_BYTES + 1 + 4  # of a position, beside its texts
TEXT_BYTES = 3  # that a text costs beside its own
FIELDS = 6  # contact, channel, endpoint, address, p256dh, auth; the fields follow

Row = Sequence[Any]


def position_bytes(row: Row) -> int:
    """How many bytes a position takes in a batch, at most."""
    size = FIXED_BYTES + len(row[3].encode())
    for value in row[FIELDS:]:
        size += TEXT_BYTES + len(value.encode())
    return size


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
