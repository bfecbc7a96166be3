"""Owns the virtual host of an API: which request goes to which cluster, with which patience."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from gateway.api import Api
from gateway.door.authorization import API
from gateway.edge import clusters
from gateway.edge.filters import AUTHORIZATION, CORS, LUA, TRANSCODER, cors_policy, transcoder, typed
from gateway.edge.replies import lua_context
from gateway.edge.settings import EnvoySettings

PATIENCE = "15s"  # for a unary call by REST; gRPC calls bring their own deadline

# A process that the supervisor brings back costs a pause of up to about 8 s, not an error. A command is sent again only
# where it was refused, so that nothing has run yet; a question also where its answer was lost, and to the core also
# where a part behind it was down (a dialect waits for the core itself).
COMMANDS = "connect-failure,refused-stream"
QUESTIONS = COMMANDS + ",reset"
QUESTIONS_TO_CORE = QUESTIONS + ",unavailable"


def _retries(retry_on: str) -> dict[str, Any]:
    # The pauses are drawn from 0 to the interval, so they are a quarter of a second on average.
    back_off = {"base_interval": "0.25s", "max_interval": "0.5s"}
    return {"retry_on": retry_on, "num_retries": 32, "retry_back_off": back_off}


def virtual_host(api: Api, settings: EnvoySettings) -> dict[str, Any]:
    """One API's host: by name, and by port for clients that cannot set one."""
    name = f"{api.name}.localhost"
    return {
        "name": api.name,
        "domains": [name, f"{name}:*", f"*:{settings.port_of(api.name)}"],
        "routes": [*_routes(api)],
        "typed_per_filter_config": {
            LUA: typed("lua.v3.LuaPerRoute", {"filter_context": lua_context(api)}),
            CORS: cors_policy(settings.cors_origins),
            AUTHORIZATION: _door(api, {}),
            TRANSCODER: transcoder(api, settings.descriptors),
        },
    }


def _door(api: Api, more: dict[str, Any]) -> dict[str, Any]:
    check = {"context_extensions": {API: api.name}, **more}
    return typed("ext_authz.v3.ExtAuthzPerRoute", {"check_settings": check})


def _routes(api: Api) -> Iterator[dict[str, Any]]:
    upstreams = {service.full_name: name for name, services in api.upstreams.items() for service in services}
    if api.is_core:
        for service in api.services:
            yield from (_grpc_route(api, upstreams, method) for method in service.methods)
    for route in api.routes():
        match = {
            "safe_regex": {"regex": route.pattern},
            "headers": [{"name": ":method", "string_match": {"exact": route.verb}}],
        }
        upstream = upstreams[route.method.containing_service.full_name]
        questions = QUESTIONS_TO_CORE if api.is_core else QUESTIONS
        retries = _retries(questions if route.verb == "GET" else COMMANDS)
        action = _action(route.method, upstream, unary={"timeout": PATIENCE}) | {"retry_policy": retries}
        yield {"name": route.template, "match": match, "route": action}
    # A preflight is answered by the CORS filter, which looks only at routes that lead somewhere.
    preflight = {"name": "access-control-request-method", "present_match": True}
    options = {"name": ":method", "string_match": {"exact": "OPTIONS"}}
    yield {"match": {"prefix": "/", "headers": [options, preflight]}, "route": {"cluster": clusters.DOOR}}
    # The door has said 404 or 405 before this; it is what is left if it ever did not.
    yield {"match": {"prefix": "/"}, "direct_response": {"status": 404}}


def _grpc_route(api: Api, upstreams: dict[str, str], method: MethodDescriptor) -> dict[str, Any]:
    service = method.containing_service.full_name
    own_deadline = {"timeout": "0s", "max_stream_duration": {"grpc_timeout_header_max": "0s"}}
    return {
        "match": {"path": f"/{service}/{method.name}", "grpc": {}},
        "route": _action(method, upstreams[service], unary=own_deadline) | {"retry_policy": _retries(COMMANDS)},
        # The door does not read protobuf, so Envoy need not wait for it.
        "typed_per_filter_config": {AUTHORIZATION: _door(api, {"disable_request_body_buffering": True})},
    }


def _action(method: MethodDescriptor, upstream: str, *, unary: dict[str, Any]) -> dict[str, Any]:
    if method.server_streaming:
        patience: dict[str, Any] = {"timeout": "0s", "idle_timeout": "0s"}
        return {"cluster": clusters.streams(upstream), **patience}
    return {"cluster": upstream, **unary}
