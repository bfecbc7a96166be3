"""ReachBell's schedule."""

from __future__ import annotations

import pytest
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb

from gateway.dialects.reachbell.times import schedule_from, schedule_to
from services.runtime.errors import Invalid


@pytest.mark.parametrize(
    ("written", "zone", "meant"),
    [
        ("2026-06-15T14:00:00.000Z", "America/New_York", "2026-06-15T14:00:00.000Z"),
        ("2026-06-15T14:00:00+02:00", "", "2026-06-15T12:00:00.000Z"),
        ("2026-06-15T14:00:00", "America/New_York", "2026-06-15T18:00:00.000Z"),
        ("2026-06-15T14:00", "", "2026-06-15T14:00:00.000Z"),
        ("2026-06-15T14:00:00.123456789Z", "", "2026-06-15T14:00:00.123Z"),
        # A gap is the first instant after it, a fold the first occurrence.
        ("2027-03-14T02:30:00", "America/New_York", "2027-03-14T07:00:00.000Z"),
        ("2026-11-01T01:30:00", "America/New_York", "2026-11-01T05:30:00.000Z"),
        ("2026-10-04T02:15:00", "Australia/Lord_Howe", "2026-10-03T15:30:00.000Z"),
        ("2026-09-06T00:30:00", "America/Santiago", "2026-09-06T04:00:00.000Z"),
    ],
)
def test_send_at_is_an_instant(written: str, zone: str, meant: str) -> None:
    schedule, kept = schedule_from(pb.Schedule(mode="scheduled", send_at=written, timezone=zone))

    assert schedule_to(schedule, kept).send_at == meant
    assert schedule.WhichOneof("kind") == "start_time"


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        (pb.Schedule(mode="now"), "schedule.mode"),
        (pb.Schedule(mode=""), "schedule.mode"),
        (pb.Schedule(mode="scheduled"), "schedule.sendAt"),
        (pb.Schedule(mode="scheduled", send_at="tomorrow"), "schedule.sendAt"),
        (pb.Schedule(mode="scheduled", send_at="2026-06-15"), "schedule.sendAt"),
        (pb.Schedule(mode="scheduled", send_at="2026-02-30T00:00:00Z"), "schedule.sendAt"),
        (pb.Schedule(mode="scheduled", send_at="2026-06-15T25:00:00Z"), "schedule.sendAt"),
        (pb.Schedule(mode="scheduled", send_at="0001-01-01T00:00:00+14:00"), "schedule.sendAt"),
        (pb.Schedule(mode="draft", send_at="never"), "schedule.sendAt"),
        (pb.Schedule(mode="immediate", timezone="Mars/Olympus"), "schedule.timezone"),
        (pb.Schedule(mode="immediate", timezone="../etc/passwd"), "schedule.timezone"),
    ],
)
def test_an_impossible_schedule_is_refused(schedule: pb.Schedule, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        schedule_from(schedule)

    assert refused.value.field == field


def test_whether_a_time_is_past_is_not_for_the_dialect_to_say() -> None:
    written = pb.Schedule(mode="scheduled", send_at="2001-01-01T00:00:00.000Z")

    schedule, kept = schedule_from(written)

    assert schedule.WhichOneof("kind") == "start_time"
    assert schedule_to(schedule, kept) == written


@pytest.mark.parametrize(
    "written",
    [
        pb.Schedule(mode="immediate"),
        pb.Schedule(mode="draft"),
        pb.Schedule(mode="draft", send_at="2026-06-15T14:00:00.000Z", timezone="America/New_York"),
        pb.Schedule(mode="immediate", send_at="2026-06-15T14:00:00.000Z", timezone="America/New_York"),
        pb.Schedule(mode="scheduled", send_at="2026-06-15T14:00:00.000Z", timezone="America/New_York"),
    ],
)
def test_a_schedule_reads_back_as_written(written: pb.Schedule) -> None:
    assert schedule_to(*schedule_from(written)) == written
