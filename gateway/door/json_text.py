"""Owns reading a body as JSON (RFC 8259), strictly: what it accepts, every parser behind the door reads alike.

Never looks at what the members mean. Refused: anything but UTF-8, NaN, numbers that no double holds, repeated members,
NUL, lone surrogates, and nesting deeper than any message of ours.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence

from gateway.refusal import invalid

DEEPEST = 48
FORBIDDEN = re.compile("[\x00\ud800-\udfff]")

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Members(dict[str, Json]):
    """An object; `repeated` is a member that was given more than once."""

    repeated: str | None = None


def _members(pairs: Sequence[tuple[str, Json]]) -> Members:
    members = Members(pairs)
    if len(members) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        members.repeated = counts.most_common(1)[0][0]
    return members


def _no_constant(text: str) -> Json:
    raise ValueError(f"{text} is no JSON")


def parse(raw: bytes) -> Json:
    """The value; raises Refusal (400) with the path of what is wrong with it."""
    try:
        value: Json = json.loads(raw.decode(), object_pairs_hook=_members, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # a UnicodeDecodeError is a ValueError too
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise invalid("JSON_INVALID", f"The body is not well-formed JSON{place}.") from error
    _check(value, path="", depth=0)
    return value


def child(path: str, name: str) -> str:
    """`segment.filters` and `country` → `segment.filters.country`; a name that cannot be shown is not."""
    shown = FORBIDDEN.sub("?", name)[:100]
    return f"{path}.{shown}" if path else shown


def _check(value: Json, *, path: str, depth: int) -> None:
    if depth > DEEPEST:
        raise invalid("JSON_TOO_DEEP", f"The body is nested deeper than {DEEPEST} levels.", field=path[:200])
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, Members):
        if value.repeated is not None:
            raise invalid("FIELD_REPEATED", "This field is given twice.", field=child(path, value.repeated))
        for name, member in value.items():
            _check_text(name, child(path, name))
            _check(member, path=child(path, name), depth=depth + 1)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            _check(member, path=f"{path}[{index}]", depth=depth + 1)
    elif isinstance(value, int | float) and not _is_finite(value):
        raise invalid("NUMBER_INVALID", "This number is too large.", field=path)


def _check_text(text: str, path: str) -> None:
    if FORBIDDEN.search(text):
        raise invalid("TEXT_INVALID", "Text must not contain NUL or half of a surrogate pair.", field=path)


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no double holds
        return False
