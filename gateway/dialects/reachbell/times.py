"""Owns how ReachBell writes an instant, and its schedule, `{"mode", "sendAt", "timezone"}`, there and back.

Never knows what time it is: whether an instant is past, the core says.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping

from carillon.campaigns.v1 import campaigns_pb2 as core
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from gateway import local_time
from services.runtime.errors import Invalid

MODES = ("immediate", "scheduled", "draft")
MODE_OF = {"immediate": "immediate", "start_time": "scheduled", None: "draft"}  # the core's kind → ReachBell's word


def spell(instant: datetime.datetime) -> str:
    """`2026-06-15T14:00:00.000Z`."""
    return instant.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def spell_stamp(stamp: Timestamp) -> str:
    """The same of a Timestamp."""
    return _spell(stamp.seconds, stamp.nanos // 1_000_000)


@functools.lru_cache(maxsize=4096)  # every list shows the newest campaigns again
def _spell(seconds: int, milliseconds: int) -> str:
    return spell(datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(microsecond=milliseconds * 1000))


def schedule_from(schedule: pb.Schedule) -> tuple[core.Schedule, Mapping[str, str]]:
    """(the core's schedule, what only ReachBell keeps of it). Raises Invalid with ReachBell's own path."""
    if schedule.mode not in MODES:
        raise Invalid("SCHEDULE_INVALID", f"A mode is one of {', '.join(MODES)}.", field="schedule.mode")
    instant = _instant(schedule)
    answer = core.Schedule(time_zone=schedule.timezone)
    if schedule.mode == "scheduled":
        if instant is None:
            raise Invalid("FIELD_REQUIRED", "Say when it is to be sent.", field="schedule.sendAt")
        answer.start_time.FromDatetime(instant)
        return answer, {}
    if schedule.mode == "immediate":
        answer.immediate = True
    return answer, {"sendAt": spell(instant)} if instant else {}


def _instant(schedule: pb.Schedule) -> datetime.datetime | None:
    """When it says, None where it does not."""
    zone = local_time.zone_of(schedule.timezone or "UTC")
    if zone is None:
        raise Invalid("TIME_ZONE_UNKNOWN", "There is no such time zone.", field="schedule.timezone")
    if not schedule.send_at:
        return None
    instant = local_time.read_instant(schedule.send_at, zone)
    if instant is None:
        raise Invalid("TIME_INVALID", "This is no date and time.", field="schedule.sendAt")
    return instant


def schedule_to(schedule: core.Schedule, kept: Mapping[str, str]) -> pb.Schedule:
    """What was written, as ReachBell writes it."""
    kind = schedule.WhichOneof("kind")
    answer = pb.Schedule(mode=MODE_OF[kind])
    if kind == "start_time":
        answer.send_at = spell_stamp(schedule.start_time)
    elif "sendAt" in kept:
        answer.send_at = kept["sendAt"]
    if schedule.time_zone:
        answer.timezone = schedule.time_zone
    return answer
