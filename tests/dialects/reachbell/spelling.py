"""Owns spelling a request as HTTP, by the method's google.api.http annotation: path, query, body."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import MethodDescriptor

from gateway.routes import VARIABLE

Spelled = tuple[str, str, bytes]  # method, path and query, body


def spell(method: MethodDescriptor, request: Mapping[str, Any]) -> Spelled:
    """The request in the first of the method's spellings whose path it fits."""
    http: HttpRule = method.GetOptions().Extensions[annotations_pb2.http]
    for rule in (http, *http.additional_bindings):
        verb = rule.WhichOneof("pattern")
        template = getattr(rule, verb)
        values = {match[1]: (match[2] or "*", _taken(request, match[1])) for match in VARIABLE.finditer(template)}
        if all(re.fullmatch(pattern.replace("*", "[^/]+"), value) for pattern, value in values.values()):
            path = VARIABLE.sub(lambda match: values[match[1]][1], template)  # noqa: B023
            rest = _without(request, values)
            return verb.upper(), path + _query(rule, rest), _body(rule, rest)
    raise AssertionError(f"{method.name} has no path for {request}")


def _taken(request: Mapping[str, Any], variable: str) -> str:
    value: Any = request
    for name in variable.split("."):
        value = value.get(name, value.get(_camel(name)))
    return str(value)


def _camel(name: str) -> str:
    return re.sub("_(.)", lambda match: match[1].upper(), name)


def _without(request: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    rest = json.loads(json.dumps(request))
    for variable in variables:
        *above, last = variable.split(".")
        inner = rest
        for name in above:
            inner = inner[name]
        inner.pop(last if last in inner else _camel(last))
    return dict(rest)


def _query(rule: HttpRule, rest: Mapping[str, Any]) -> str:
    if rule.body == "*":
        return ""
    pairs = list(_flat({name: value for name, value in rest.items() if name != rule.body}, ""))
    return "?" + urlencode(pairs) if pairs else ""


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _flat(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for member in value:
            yield from _flat(member, path)
    else:
        yield path, str(value)


def _body(rule: HttpRule, rest: Mapping[str, Any]) -> bytes:
    if not rule.body:
        return b""
    return json.dumps(rest if rule.body == "*" else rest[rule.body]).encode()
