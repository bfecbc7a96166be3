"""Owns how the scalars and the well-known types are spelled in JSON (the ProtoJSON format), more strictly than parsers.

Never coerces: `"12"` is no int32, 1 no enum, and a number no string.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime

from google.protobuf.descriptor import FieldDescriptor

Rule = tuple[Callable[[object], bool], str]  # (whether it fits, what was wanted)

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
DURATION = re.compile(r"-?\d{1,12}(\.\d{1,9})?s")
DECIMAL = re.compile(r"-?\d{1,20}")


def _is_int(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_long(value: object, low: int, high: int) -> bool:
    """64-bit numbers are printed as strings, so strings come back."""
    if isinstance(value, str):
        return DECIMAL.fullmatch(value) is not None and low <= int(value) <= high
    return _is_int(value, low, high)


def _is_base64(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        base64.b64decode(value, altchars=b"-_" if set(value) & set("-_") else None, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_instant(value: object) -> bool:
    if not isinstance(value, str) or not INSTANT.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(re.sub(r"\.\d+", "", value))
    except ValueError:
        return False
    return not value.startswith("0000")


INT32: Rule = (lambda value: _is_int(value, -(2**31), 2**31 - 1), "a whole number")
UINT32: Rule = (lambda value: _is_int(value, 0, 2**32 - 1), "a whole number of 0 or more")
INT64: Rule = (lambda value: _is_long(value, -(2**63), 2**63 - 1), "a whole number")
UINT64: Rule = (lambda value: _is_long(value, 0, 2**64 - 1), "a whole number of 0 or more")
NUMBER: Rule = (lambda value: isinstance(value, int | float) and not isinstance(value, bool), "a number")
TEXT: Rule = (lambda value: isinstance(value, str), "a string")
BOOL: Rule = (lambda value: isinstance(value, bool), "true or false")
BYTES: Rule = (_is_base64, "base64")

SCALARS: Mapping[int, Rule] = {
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_SINT32: INT32,
    FieldDescriptor.TYPE_SFIXED32: INT32,
    FieldDescriptor.TYPE_UINT32: UINT32,
    FieldDescriptor.TYPE_FIXED32: UINT32,
    FieldDescriptor.TYPE_INT64: INT64,
    FieldDescriptor.TYPE_SINT64: INT64,
    FieldDescriptor.TYPE_SFIXED64: INT64,
    FieldDescriptor.TYPE_UINT64: UINT64,
    FieldDescriptor.TYPE_FIXED64: UINT64,
    FieldDescriptor.TYPE_DOUBLE: NUMBER,
    FieldDescriptor.TYPE_FLOAT: NUMBER,
    FieldDescriptor.TYPE_STRING: TEXT,
    FieldDescriptor.TYPE_BOOL: BOOL,
    FieldDescriptor.TYPE_BYTES: BYTES,
}

WELL_KNOWN: Mapping[str, Rule] = {
    "google.protobuf.Timestamp": (_is_instant, "an instant such as 2026-06-15T14:00:00Z"),
    "google.protobuf.Duration": (
        lambda value: isinstance(value, str) and DURATION.fullmatch(value) is not None,
        "a duration such as 3600s",
    ),
    "google.protobuf.FieldMask": TEXT,
    "google.protobuf.Struct": (lambda value: isinstance(value, dict), "an object"),
    "google.protobuf.ListValue": (lambda value: isinstance(value, list), "a list"),
    "google.protobuf.Value": (lambda value: True, "anything"),
    "google.protobuf.StringValue": TEXT,
    "google.protobuf.BoolValue": BOOL,
    "google.protobuf.Int32Value": INT32,
    "google.protobuf.Int64Value": INT64,
    "google.protobuf.DoubleValue": NUMBER,
}
