"""How rows become a batch."""

from __future__ import annotations

import hashlib

from carillon.events.v1.audience_batches_pb2 import Recipients
from carillon.segments.v1.segments_pb2 import CHANNEL_PUSH

from services.segments.freezing import FIXED_BYTES, build_batch

ROWS = [
    (b"c" * 11 + b"1", b"s" * 11 + b"1", "https://push.example.com/1", b"\4" * 65, b"a" * 16),
    (b"c" * 11 + b"2", b"s" * 11 + b"2", "https://push.example.com/2", b"\4" * 65, b"b" * 16),
    (b"c" * 11 + b"2", b"s" * 11 + b"3", "https://push.example.com/3", b"\4" * 65, b"c" * 16),
]


def test_every_column_has_an_entry_per_position() -> None:
    batch = build_batch(ROWS, number=2, before=b"")

    recipients = Recipients.FromString(batch.recipients)
    assert (batch.number, batch.size) == (2, 3)
    assert recipients.contacts == b"".join(row[0] for row in ROWS)
    assert recipients.endpoints == b"".join(row[1] for row in ROWS)
    assert list(recipients.addresses) == [row[2] for row in ROWS]
    assert recipients.p256dh == b"\4" * 195
    assert recipients.auths == b"a" * 16 + b"b" * 16 + b"c" * 16
    assert list(recipients.channels) == [CHANNEL_PUSH]


def test_a_batch_knows_its_ends_its_people_and_its_digest() -> None:
    batch = build_batch(ROWS, number=0, before=ROWS[0][0])

    assert (batch.first, batch.last) == (ROWS[0][:2], ROWS[-1][:2])
    assert batch.contact_count == 1
    assert batch.digest == hashlib.blake2b(batch.recipients, digest_size=16).digest()


def test_the_estimated_size_of_a_position_is_not_less_than_its_real_one() -> None:
    rows = [ROWS[0]] * 100

    estimated = sum(len(row[2]) + FIXED_BYTES for row in rows)

    assert len(build_batch(rows, number=1, before=b"").recipients) <= estimated + 64  # and the columns' own headers
