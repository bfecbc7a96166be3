"""How rows become a batch."""

from __future__ import annotations

import hashlib

import pytest
from carillon.events.v1.audience_batches_pb2 import Recipients
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_HTTP, CHANNEL_PUSH

from services.segments.freezing import build_batch
from services.segments.recipients import Row, position_bytes
from services.segments.walk_sql import NO_ENDPOINT

PUSHES: list[Row] = [
    (b"c" * 11 + b"1", CHANNEL_PUSH, b"s" * 11 + b"1", "https://push.example.com/1", b"\4" * 65, b"a" * 16),
    (b"c" * 11 + b"2", CHANNEL_PUSH, b"s" * 11 + b"2", "https://push.example.com/2", b"\4" * 65, b"b" * 16),
    (b"c" * 11 + b"2", CHANNEL_PUSH, b"s" * 11 + b"3", "https://push.example.com/3", b"\4" * 65, b"c" * 16),
]
EMAILS: list[Row] = [
    (b"c" * 11 + b"1", CHANNEL_EMAIL, NO_ENDPOINT, "anna@example.com", b"", b"", "Anna", "pro"),
    (b"c" * 11 + b"2", CHANNEL_EMAIL, NO_ENDPOINT, "ben@example.com", b"", b"", "", "größer"),
]
MIXED: list[Row] = [
    PUSHES[0],
    (b"c" * 11 + b"1", CHANNEL_EMAIL, NO_ENDPOINT, "anna@example.com", b"", b""),
    (b"c" * 11 + b"1", CHANNEL_HTTP, NO_ENDPOINT, "anna", b"", b""),
]


def recipients_of(rows: list[Row]) -> Recipients:
    return Recipients.FromString(build_batch(rows, number=2, before=b"").recipients)


def test_every_column_has_an_entry_per_position() -> None:
    batch = build_batch(PUSHES, number=2, before=b"")

    recipients = Recipients.FromString(batch.recipients)
    assert (batch.number, batch.size) == (2, 3)
    assert recipients.contacts == b"".join(row[0] for row in PUSHES)
    assert recipients.endpoints == b"".join(row[2] for row in PUSHES)
    assert list(recipients.addresses) == [row[3] for row in PUSHES]
    assert recipients.p256dh == b"\4" * 195
    assert recipients.auths == b"a" * 16 + b"b" * 16 + b"c" * 16
    assert list(recipients.channels) == [CHANNEL_PUSH]


def test_a_batch_of_emails_carries_addresses_and_fields_and_no_keys() -> None:
    recipients = recipients_of(EMAILS)

    assert list(recipients.channels) == [CHANNEL_EMAIL]
    assert list(recipients.addresses) == ["anna@example.com", "ben@example.com"]
    assert [list(column.values) for column in recipients.fields] == [["Anna", ""], ["pro", "größer"]]
    assert (recipients.endpoints, recipients.p256dh, recipients.auths) == (b"", b"", b"")


def test_a_batch_of_several_channels_has_zeros_where_a_position_has_no_endpoint() -> None:
    recipients = recipients_of(MIXED)

    assert list(recipients.channels) == [CHANNEL_PUSH, CHANNEL_EMAIL, CHANNEL_HTTP]
    assert recipients.endpoints == MIXED[0][2] + bytes(24)
    assert recipients.p256dh == b"\4" * 65 + bytes(130)
    assert recipients.auths == b"a" * 16 + bytes(32)


def test_a_batch_knows_its_ends_its_people_and_its_digest() -> None:
    batch = build_batch(PUSHES, number=0, before=PUSHES[0][0])

    assert batch.first == (PUSHES[0][0], PUSHES[0][2])
    assert (batch.last, batch.last_channel) == ((PUSHES[2][0], PUSHES[2][2]), CHANNEL_PUSH)
    assert batch.contact_count == 1
    assert batch.digest == hashlib.blake2b(batch.recipients, digest_size=16).digest()


@pytest.mark.parametrize("rows", [PUSHES, EMAILS, MIXED])
def test_the_estimated_size_of_a_position_is_not_less_than_its_real_one(rows: list[Row]) -> None:
    many = rows * 100

    estimated = sum(position_bytes(row) for row in many)

    assert len(build_batch(many, number=1, before=b"").recipients) <= estimated + 64  # and the columns' own headers
