"""Owns the order of the questions: how long, who, where, and only then what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.api import Api
from gateway.door.body import check_body
from gateway.door.credentials import Credentials
from gateway.door.fields import Checker
from gateway.door.query import check_query, split
from gateway.refusal import PLAIN, Refusal
from gateway.routes import Route, find
from services.runtime.identity import Caller

GRPC = "application/grpc"


@dataclass(frozen=True, slots=True)
class Request:
    """What Envoy tells of a request."""

    verb: str
    target: str  # path and query
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def is_grpc(self) -> bool:
        """Whether it is a native gRPC call, by Envoy's own rule."""
        kind = self.headers.get("content-type", "")
        return kind == GRPC or kind.startswith((GRPC + "+", GRPC + ";"))


class Door:
    """The checks of one API."""

    def __init__(self, api: Api, credentials: Credentials) -> None:
        self._api = api
        self._credentials = credentials
        self._routes = api.routes()
        self._checker = Checker(json_names_only=api.json_names_only)
        self._calls = {f"/{service.full_name}/{method.name}" for service in api.services for method in service.methods}

    async def admit(self, request: Request) -> Caller | None:
        """Who is let in, None for a stranger. Raises Refusal where nobody is, Unavailable where that cannot be said."""
        path, query = split(request.target)
        if request.is_grpc:
            caller = await self._caller(request)
            if not self._api.is_core or path not in self._calls:
                raise Refusal(404, PLAIN[404].reason, "There is no such method.")
            return caller
        route, verbs = find(self._routes, verb=request.verb, path=path)
        if route is not None and route.rule.query_token:
            caller = await self._credentials.of_query(query)
        else:
            caller = await self._caller(request)
        self._check(request, self._found(route, verbs), query)
        return caller

    async def _caller(self, request: Request) -> Caller | None:
        if not self._api.credentials:
            return None
        return await self._credentials.of_headers(request.headers, self._api.credentials)

    def _found(self, route: Route | None, verbs: tuple[str, ...]) -> Route:
        if route is not None:
            return route
        if verbs:
            raise Refusal(405, PLAIN[405].reason, PLAIN[405].message, allow=", ".join(verbs))
        raise Refusal(404, PLAIN[404].reason, PLAIN[404].message)

    def _check(self, request: Request, route: Route, query: tuple[tuple[str, str], ...]) -> None:
        check_query(query, route=route, json_names_only=self._api.json_names_only)
        content_type = request.headers.get("content-type", "")
        check_body(request.body, content_type=content_type, route=route, checker=self._checker)
