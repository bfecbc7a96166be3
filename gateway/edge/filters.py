"""Owns the HTTP filters, in their order: Lua, CORS, the door, the transcoder, the router."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.api import Api
from gateway.door.body import LARGEST
from gateway.edge.clusters import DOOR

LUA = "envoy.filters.http.lua"
CORS = "envoy.filters.http.cors"
AUTHORIZATION = "envoy.filters.http.ext_authz"
TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
ROUTER = "envoy.filters.http.router"

SCRIPT = Path(__file__).parent.parent / "edge.lua"
LARGEST_ANSWER = 8 * 1024 * 1024
PATIENCE = "8s"  # how long a door that restarts is waited for
HEADERS = (
    "x-api-key",
    "authorization",
    "x-org-id",
    "content-type",
    "accept",
    "idempotency-key",
    "last-event-id",
    "x-request-id",
)


def typed(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """A configuration with its type."""
    return {"@type": f"type.googleapis.com/envoy.extensions.filters.http.{name}", **config}


def filters(*, largest: int = LARGEST) -> list[dict[str, Any]]:
    """What a listener of ours does to a request, outermost first; `largest` is how many bytes a body may have."""
    script = {"default_source_code": {"inline_string": SCRIPT.read_text()}}
    # No services here: each virtual host brings its own.
    nothing = {"proto_descriptor_bin": "", "services": []}
    return [
        {"name": LUA, "typed_config": typed("lua.v3.Lua", script)},
        {"name": CORS, "typed_config": typed("cors.v3.Cors", {})},
        {"name": AUTHORIZATION, "typed_config": _authorization(largest)},
        {"name": TRANSCODER, "typed_config": typed("grpc_json_transcoder.v3.GrpcJsonTranscoder", nothing)},
        {"name": ROUTER, "typed_config": typed("router.v3.Router", {"suppress_envoy_headers": True})},
    ]


def _authorization(largest: int) -> dict[str, Any]:
    retries = {
        "retry_on": "connect-failure,refused-stream,unavailable,reset",  # asking twice harms nobody
        "num_retries": 60,  # until the time-out below
        "retry_back_off": {"base_interval": "0.25s", "max_interval": "0.5s"},
    }
    config = {
        "transport_api_version": "V3",
        # Not the retry policy of `envoy_grpc`: that one is for streams of configuration.
        "grpc_service": {"envoy_grpc": {"cluster_name": DOOR}, "timeout": PATIENCE, "retry_policy": retries},
        "with_request_body": {
            "max_request_bytes": largest,
            "allow_partial_message": False,
            "pack_as_bytes": True,
        },
        "failure_mode_allow": False,
        "status_on_error": {"code": "ServiceUnavailable"},
    }
    return typed("ext_authz.v3.ExtAuthz", config)


def cors_policy(origins: Sequence[str]) -> dict[str, Any]:
    """Which pages may call: preflights are answered here, before the door asks for a credential."""
    matches = [{"safe_regex": {"regex": ".*"}} if origin == "*" else {"exact": origin} for origin in origins]
    policy = {
        "allow_origin_string_match": matches,
        "allow_methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
        "allow_headers": ", ".join(HEADERS),
        "expose_headers": "x-request-id, retry-after, location, allow, content-disposition",
        "max_age": "600",
    }
    return typed("cors.v3.CorsPolicy", policy)


def transcoder(api: Api, descriptors: str) -> dict[str, Any]:
    """How an API's JSON becomes gRPC. The door is stricter; this is what stays if it ever is not."""
    config = {
        "proto_descriptor": descriptors,
        "services": [service.full_name for service in api.services],
        "match_incoming_request_route": True,  # else the time-outs of REST routes never apply
        "convert_grpc_status": True,
        "print_options": {"always_print_primitive_fields": True, "stream_newline_delimited": True},
        "request_validation_options": {
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
        "query_param_unescape_plus": True,
        "max_request_body_size": LARGEST,
        "max_response_body_size": LARGEST_ANSWER,
    }
    return typed("grpc_json_transcoder.v3.GrpcJsonTranscoder", config)
