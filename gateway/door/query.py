"""Owns the check of a request's path and query against what its route takes."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from google.protobuf.descriptor import FieldDescriptor

from gateway.door.fields import shape_of
from gateway.door.json_text import FORBIDDEN
from gateway.door.known_types import DECIMAL, SCALARS, TEXT, WELL_KNOWN
from gateway.refusal import PLAIN, Refusal, invalid
from gateway.routes import Route

LONGEST_PATH = 8 * 1024
CREDENTIAL_KEYS = ("token", "orgId")
# Messages whose JSON is a string: the transcoder reads them from a query as it does from a body.
QUERY_TYPES = ("google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask")
STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")

Query = tuple[tuple[str, str], ...]


def split(target: str) -> tuple[str, Query]:
    """(the path, the query's pairs); raises Refusal 414 where it is too long, 400 or 404 where it is no text."""
    if len(target) > LONGEST_PATH:
        raise Refusal(414, PLAIN[414].reason, PLAIN[414].message)
    path, _, query = target.partition("?")
    if _decoded(path) is None:
        raise Refusal(404, PLAIN[404].reason, PLAIN[404].message)
    return path, tuple(_pair(item) for item in query.split("&") if item)


def _pair(item: str) -> tuple[str, str]:
    name, _, value = item.partition("=")
    decoded = _decoded(name.replace("+", " "))
    if decoded is None:
        raise invalid("QUERY_INVALID", "The query is not text.")
    text = _decoded(value.replace("+", " "))
    if text is None:
        raise invalid("QUERY_INVALID", "This is not text.", field=decoded)
    return decoded, text


def _decoded(text: str) -> str | None:
    """Percent-decoded UTF-8, None where it is none or holds a character that no text of ours may."""
    if STRAY_PERCENT.search(text):
        return None
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return None
    return None if FORBIDDEN.search(decoded) else decoded


def check_query(query: Query, *, route: Route, json_names_only: bool) -> None:
    """Raise Refusal unless each key is a field that neither path nor body gives, once, with a value of its type."""
    shape = shape_of(route.method.input_type, json_names_only=json_names_only)
    given: set[str] = set()
    for name, value in query:
        if route.rule.query_token and name in CREDENTIAL_KEYS:
            continue
        field = shape.fields.get(name)
        if field is not None and field.name in route.variables:
            raise invalid("QUERY_COLLIDES", "The path says this already.", field=name)
        if field is None or not fits_a_query(field) or route.body in ("*", field.name):
            raise invalid("QUERY_UNKNOWN", "There is no such query parameter.", field=name)
        if field.name in given and not field.is_repeated:
            raise invalid("FIELD_REPEATED", "This query parameter is given twice.", field=name)
        given.add(field.name)
        _check_value(value, field, name=name)


def fits_a_query(field: FieldDescriptor) -> bool:
    """Whether a query can say it."""
    return field.message_type is None or field.message_type.full_name in QUERY_TYPES


def _check_value(value: str, field: FieldDescriptor, *, name: str) -> None:
    if field.message_type is not None:
        rule, wanted = WELL_KNOWN[field.message_type.full_name]
        fits = rule(value)
    elif field.enum_type is not None:
        fits, wanted = value in field.enum_type.values_by_name, "a known word"
    elif SCALARS[field.type] is TEXT:
        return
    elif field.type == FieldDescriptor.TYPE_BOOL:
        fits, wanted = value in ("true", "false"), "true or false"
    else:
        rule, wanted = SCALARS[field.type]
        fits = DECIMAL.fullmatch(value) is not None and rule(int(value))
    if not fits:
        raise invalid("FIELD_MISTYPED", f"This must be {wanted}.", field=name)
