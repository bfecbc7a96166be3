"""Owns which HTTP requests lead to which method: read from the google.api.http annotations, nowhere else.

The door and Envoy's configuration are both made from this, so a new method is covered by itself. Never looks at hosts:
a table is made for one API's services.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from carillon.dialects.v1.door_pb2 import DoorRule, door
from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

VARIABLE = re.compile(r"\{([a-z0-9_.]+)(?:=([^}]+))?\}")
VERB = re.compile(r":([A-Za-z]+)$")


@dataclass(frozen=True, slots=True)
class Route:
    """One method's one HTTP spelling."""

    method: MethodDescriptor
    verb: str  # GET, POST …
    template: str  # as the annotation spells the path
    pattern: str  # a regular expression of the whole path
    rank: tuple[int, ...]  # the smaller, the more specific
    variables: frozenset[str]  # the request's fields that the path gives
    body: str  # the field that the body gives, `*` for all others, empty for none
    rule: DoorRule

    def matches(self, path: str) -> bool:
        """Whether the path, without its query, is this route's."""
        return re.fullmatch(self.pattern, path) is not None


def routes_of(services: Sequence[ServiceDescriptor]) -> tuple[Route, ...]:
    """Every route of these services, the most specific first."""
    found = [route for service in services for method in service.methods for route in _routes(method)]
    return tuple(sorted(found, key=lambda route: route.rank))


def _routes(method: MethodDescriptor) -> Iterator[Route]:
    http: HttpRule = method.GetOptions().Extensions[annotations_pb2.http]
    for rule in (http, *http.additional_bindings):
        verb = rule.WhichOneof("pattern")
        if verb is None:
            continue
        template = rule.custom.path if verb == "custom" else getattr(rule, verb)
        pattern, rank = _compile(template)
        yield Route(
            method=method,
            verb=rule.custom.kind if verb == "custom" else verb.upper(),
            template=template,
            pattern=pattern,
            rank=rank,
            variables=frozenset(match[1] for match in VARIABLE.finditer(template)),
            body=rule.body,
            rule=method.GetOptions().Extensions[door],  # type: ignore[index]
        )


def _compile(template: str) -> tuple[str, tuple[int, ...]]:
    """`/v1/{name=projects/*}:start` → its regular expression and rank."""
    path = VARIABLE.sub(lambda match: match[2] or "*", template)
    verb = VERB.search(path)
    segments = (path[: verb.start()] if verb else path).strip("/").split("/")
    spelled = {"*": "[^/]+", "**": ".+"}
    pattern = "/" + "/".join(spelled.get(segment, re.escape(segment)) for segment in segments)
    rank = (0 if verb else 1, *(0 if segment not in spelled else len(segment) for segment in segments))
    return pattern + (":" + verb[1] if verb else ""), rank


def find(routes: Sequence[Route], *, verb: str, path: str) -> tuple[Route | None, tuple[str, ...]]:
    """(the route, none where there is none; every method that the path takes)."""
    there = [route for route in routes if route.matches(path)]
    route = next((route for route in there if route.verb == verb), None)
    return route, tuple(sorted({route.verb for route in there}))
