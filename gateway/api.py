"""Owns what an API is to Envoy and to the door: a name, a port, services, credentials, a shape for errors.

Never does anything: `native.py` and each dialect's `__init__.py` make one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from gateway.refusal import Reply
from gateway.routes import Route, routes_of


class Credential(enum.Enum):
    """A way to say who is calling, outside of a method's own rule."""

    API_KEY = "x-api-key"  # an API key in `x-api-key`
    TOKEN = "token"  # a JWT as `Authorization: Bearer`, its organization in `x-org-id`
    BEARER_KEY = "bearer key"  # an API key as `Authorization: Bearer`


@dataclass(frozen=True, slots=True)
class Api:
    """One API."""

    name: str  # as in `reachbell.localhost` and CARILLON_REACHBELL_PORT
    upstreams: Mapping[str, tuple[ServiceDescriptor, ...]]  # process → the services that it serves here
    credentials: frozenset[Credential]  # none: strangers call, and nobody asks who they are
    render: Callable[[Reply, str], Mapping[str, Any]]  # (what is said, the request's id) → the error's JSON
    json_names_only: bool  # whether a field's proto spelling (snake_case) is refused
    is_core: bool  # whether it is the services' own API, which also takes plain gRPC

    @property
    def services(self) -> tuple[ServiceDescriptor, ...]:
        """All services."""
        return tuple(service for services in self.upstreams.values() for service in services)

    def routes(self) -> tuple[Route, ...]:
        """All HTTP routes, the most specific first."""
        return routes_of(self.services)
