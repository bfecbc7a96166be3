"""Owns what a local time means: a zone's gap → the first instant after it, a fold → the first occurrence.

Never keeps an offset: a zone's rules may change until the time comes, so callers keep the text and the zone beside it.
"""

from __future__ import annotations

import datetime
import functools
import re
import zoneinfo

INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?")
UTC = datetime.UTC
SECOND = datetime.timedelta(seconds=1)


@functools.cache
def zone_names() -> frozenset[str]:
    """Every zone there is. Finding out walks a folder of files, which takes 50 ms: once per process is enough."""
    return frozenset(zoneinfo.available_timezones())


def zone_of(name: str) -> zoneinfo.ZoneInfo | None:
    """The zone, or None where there is none of that name."""
    return zoneinfo.ZoneInfo(name) if name in zone_names() else None


def read_instant(text: str, zone: datetime.tzinfo) -> datetime.datetime | None:
    """The instant of an ISO 8601 date and time, local to `zone` without an offset; None where it is none."""
    if not INSTANT.fullmatch(text):
        return None
    try:
        written = datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.upper()))
        return written.astimezone(UTC) if written.tzinfo else _in_zone(written, zone)
    except (ValueError, OverflowError):
        return None


def _in_zone(wall: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    # In a gap: fold 1 reads it with the offset after the gap, which is an instant before it.
    before, after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    offset = after.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)
