"""Owns what Envoy itself says, in each API's words: ready-made bodies for edge.lua and for what never reaches it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import grpc

from gateway.api import Api
from gateway.edge.settings import EnvoySettings
from gateway.refusal import PLAIN

REQUEST_ID = "REQUEST_ID"  # edge.lua puts the request's own in its place

# Envoy gives a request its id after it has accepted head and path; what is refused before gets one with its refusal.
# Never REQ(X-REQUEST-ID): until then that is whatever a stranger wrote there.
ID_OF_REFUSAL = "%UNIQUE_ID%"

# The door has spoken in the API's words already.
OURS = "!(has(response.code_details) && response.code_details == 'ext_authz_denied')"
# A gRPC call's refusal is a status and a plain sentence; JSON would end up inside `grpc-message`.
NOT_GRPC = {
    "header_filter": {
        "header": {
            "name": "content-type",
            "string_match": {"prefix": "application/grpc"},
            "invert_match": True,
            "treat_missing_header_as_empty": True,
        }
    }
}


def lua_context(api: Api) -> dict[str, str]:
    """What edge.lua knows of an API."""
    bodies = {f"error_{status}": json.dumps(api.render(reply, REQUEST_ID)) for status, reply in PLAIN.items()}
    words = {f"code_{code.value[0]}": code.name for code in grpc.StatusCode}
    return {"api": api.name, **bodies, **words}


def local_replies(apis: tuple[Api, ...], settings: EnvoySettings) -> dict[str, Any]:
    """For refusals that come before the filters, and so before edge.lua: a bad path, an unknown host, huge headers."""
    by_host = [_mappers(api, f"request.host.startsWith('{api.name}.localhost')") for api in apis]
    by_port = [_mappers(api, f"destination.port == {settings.port_of(api.name)}") for api in apis]
    return {"mappers": [mapper for mappers in (*by_host, *by_port) for mapper in mappers]}


def _mappers(api: Api, came_to_it: str) -> Iterator[dict[str, Any]]:
    for status, reply in PLAIN.items():
        rendered = json.dumps(api.render(reply, "%RESP(X-REQUEST-ID)%"))
        yield {
            "filter": {"and_filter": {"filters": [_status_is(status), _holds(came_to_it), _holds(OURS), NOT_GRPC]}},
            "headers_to_add": [_request_id()],
            "body_format_override": {
                "text_format_source": {"inline_string": rendered},
                "content_type": "application/json",
            },
        }


def _request_id() -> dict[str, Any]:
    header = {"key": "x-request-id", "value": ID_OF_REFUSAL}
    return {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _status_is(status: int) -> dict[str, Any]:
    comparison = {"op": "EQ", "value": {"default_value": status, "runtime_key": "local_reply_status"}}
    return {"status_code_filter": {"comparison": comparison}}


def _holds(expression: str) -> dict[str, Any]:
    config = {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        "expression": expression,
    }
    return {"extension_filter": {"name": "envoy.access_loggers.extension_filters.cel", "typed_config": config}}
