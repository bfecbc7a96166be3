"""Owns what an API's errors look like in its document: their shape is read from what the API renders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api import Api
from gateway.refusal import PLAIN, Reply

Schema = dict[str, Any]

# Not 500: a defect is documented by mending it.
STATUSES = tuple(status for status in PLAIN if status != 500)
WITH_FIELD = Reply(400, "FIELD_INVALID", "A sentence.", "a.field")
HEADERS: Mapping[int, str] = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}
ERROR = "Error"


def responses(api: Api) -> dict[str, Schema]:
    """One for each status; the schema is the same for all."""
    return {str(status): _response(PLAIN[status]) for status in STATUSES if status in PLAIN}


def references() -> dict[str, Schema]:
    """What each operation says of them."""
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in STATUSES}


def _response(reply: Reply) -> Schema:
    schema = {"$ref": f"#/components/schemas/{ERROR}"}
    answer: Schema = {"description": reply.message, "content": {"application/json": {"schema": schema}}}
    if header := HEADERS.get(reply.status):
        answer["headers"] = {header: {"schema": {"type": "string"}}}
    return answer


def shape(api: Api) -> Schema:
    """The schema of what the API renders."""
    return _common(api.render(PLAIN[404], "id"), api.render(WITH_FIELD, "id"))


def _common(one: Any, other: Any) -> Schema:
    """What both are."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        members = {name: _common(one[name], other[name]) for name in one if name in other}
        return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}
    if isinstance(one, list):
        return {"type": "array", "items": {"type": "object"}}
    kinds = sorted({_kind(one), _kind(other)})
    return {"type": kinds[0] if len(kinds) == 1 else kinds}


def _kind(value: Any) -> str:
    return {str: "string", int: "integer", type(None): "null"}[type(value)]
