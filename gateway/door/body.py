"""Owns the check of a request's body against what its route takes."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor import Descriptor

from gateway.door.fields import Checker, shape_of
from gateway.door.json_text import parse
from gateway.refusal import PLAIN, Refusal, invalid
from gateway.routes import Route

LARGEST = 1024 * 1024
JSON_TYPES = ("application/json", "application/merge-patch+json")


def check_body(raw: bytes, *, content_type: str, route: Route, checker: Checker) -> None:
    """Raise Refusal unless the method takes this body."""
    if len(raw) > LARGEST:
        raise Refusal(413, PLAIN[413].reason, PLAIN[413].message)
    if route.rule.content_types:
        if not _is_one_of(route.rule.content_types, content_type):
            wanted = " or ".join(route.rule.content_types)
            raise Refusal(415, PLAIN[415].reason, f"Send {wanted}.")
        return
    message, bound = taken(route)
    if not raw.strip():
        if message is not None and is_needed(route, message, bound, checker):
            raise invalid("BODY_REQUIRED", "This method needs a body.")
        return
    if message is None:
        # The transcoder would read it all the same, over the path's variables.
        if raw.strip() != b"{}":
            raise invalid("BODY_UNEXPECTED", "This method takes no body.")
        return
    if content_type and not _is_one_of(JSON_TYPES, content_type):
        raise Refusal(415, PLAIN[415].reason, PLAIN[415].message)
    # A PATCH says what changes: what its resource needs, it has already.
    optional = frozenset(message.fields_by_name) if route.verb == "PATCH" else frozenset()
    checker.check(parse(raw), message, path="", bound=bound, optional=optional)


def _is_one_of(types: Iterable[str], content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() in types


def taken(route: Route) -> tuple[Descriptor | None, frozenset[str]]:
    """(the message that the body is, its fields that the path gives)."""
    request: Descriptor = route.method.input_type
    if not route.body:
        return None, frozenset()
    if route.body == "*":
        return request, route.variables
    if route.rule.body_message:
        return request.file.pool.FindMessageTypeByName(route.rule.body_message), frozenset()
    return request.fields_by_name[route.body].message_type, frozenset()


def is_needed(route: Route, message: Descriptor, bound: frozenset[str], checker: Checker) -> bool:
    """Whether no body at all is refused."""
    if route.rule.body_message:
        return True  # a patch without anything in it is `{}`
    if route.body != "*":
        required = shape_of(route.method.input_type, json_names_only=checker.json_names_only).required
        return route.body in {field.name for field in required}
    required = shape_of(message, json_names_only=checker.json_names_only).required
    return any(field.name not in bound for field in required)
