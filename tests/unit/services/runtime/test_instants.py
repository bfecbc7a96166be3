"""An instant in a message is the instant that was given, however it was written."""

from __future__ import annotations

import datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.runtime.instants import write_instant

NEW_YORK_SUMMER = datetime.timezone(-datetime.timedelta(hours=4))


@pytest.mark.parametrize(
    "instant",
    [
        datetime.datetime(2026, 6, 15, 14, 0, 0, 123456, tzinfo=datetime.UTC),
        datetime.datetime(2026, 6, 15, 10, 0, tzinfo=NEW_YORK_SUMMER),
        datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.UTC),
        datetime.datetime(1, 1, 1, tzinfo=datetime.UTC),
        datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.UTC),
    ],
)
def test_it_is_what_protobuf_itself_would_write(instant: datetime.datetime) -> None:
    written, expected = Timestamp(), Timestamp()

    write_instant(written, instant)
    expected.FromDatetime(instant)

    assert written == expected
