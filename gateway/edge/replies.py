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


def lua_context(api: Api) -> dict[str, str]:
    """What edge.lua knows of an API."""
    bodies = {f"error_{status}": json.dumps(api.render(reply, REQUEST_ID)) for status, reply in PLAIN.items()}
    words = {f"code_{code.value[0]}": code.name for code in grpc.StatusCode}
    return {"api": api.name, **bodies, **words}


def local_replies(apis: tuple[Api, ...], settings: EnvoySettings) -> dict[str, Any]:
    """For refusals that come before the filters, and so before edge.lua: a bad path, an unknown host, huge headers."""
    return {"mappers": [mapper for api in apis for mapper in _mappers(api, settings.port_of(api.name))]}


def _mappers(api: Api, port: int) -> Iterator[dict[str, Any]]:
    for status, reply in PLAIN.items():
        rendered = json.dumps(api.render(reply, "%REQ(X-REQUEST-ID)%"))
        yield {
            "filter": {"and_filter": {"filters": [_status_is(status), _came_to(port)]}},
            "body_format_override": {
                "text_format_source": {"inline_string": rendered},
                "content_type": "application/json",
            },
        }


def _status_is(status: int) -> dict[str, Any]:
    comparison = {"op": "EQ", "value": {"default_value": status, "runtime_key": "local_reply_status"}}
    return {"status_code_filter": {"comparison": comparison}}


def _came_to(port: int) -> dict[str, Any]:
    # A virtual host is known as soon as a route is: from there on the answer passes edge.lua.
    expression = f"destination.port == {port} && xds.virtual_host_name == ''"
    config = {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        "expression": expression,
    }
    return {"extension_filter": {"name": "envoy.access_loggers.extension_filters.cel", "typed_config": config}}
