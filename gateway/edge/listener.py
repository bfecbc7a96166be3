"""Owns the listeners: one for all APIs, on a port each, and one for what strangers call."""

from __future__ import annotations

from typing import Any

from gateway.api import Api
from gateway.edge.clusters import socket
from gateway.edge.filters import CORS, cors_policy, filters
from gateway.edge.replies import local_replies
from gateway.edge.settings import EnvoySettings
from gateway.edge.virtual_hosts import virtual_host
from gateway.public import LARGEST, PUBLIC
from services.runtime.idempotency import DIGEST_KEY
from services.runtime.identity import METADATA_KEY

BUFFER = 2 * 1024 * 1024  # more than a body may have, so that 413 is the door's limit and nothing else
MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

# What the caller was told; where nothing was told, what Envoy knows.
REQUEST_ID = '%COALESCE({"operators": [{"command": "RESP", "param": "x-request-id"}, "STREAM_ID"]})%'

# What only Envoy or the door may say.
FORGEABLE = (
    METADATA_KEY,
    DIGEST_KEY,
    "x-request-id",
    "x-envoy-original-path",
    "x-envoy-original-method",
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-expected-rq-timeout-ms",
)


def listeners(apis: tuple[Api, ...], settings: EnvoySettings) -> list[dict[str, Any]]:
    """All listeners."""
    first, *more = (socket(settings.bind, settings.port_of(api.name)) for api in apis)
    edge = {
        "name": "edge",
        "address": first,
        "additional_addresses": [{"address": address} for address in more],
        "per_connection_buffer_limit_bytes": BUFFER,
        "filter_chains": [{"filters": [_manager("edge", _apis(apis, settings))]}],
    }
    public = {
        "name": "public",
        "address": socket(settings.bind, settings.public_port),
        "per_connection_buffer_limit_bytes": BUFFER,
        "filter_chains": [{"filters": [_manager("public", _strangers(settings))]}],
    }
    return [edge, public]


def _apis(apis: tuple[Api, ...], settings: EnvoySettings) -> dict[str, Any]:
    return {
        "route_config": {"name": "apis", "virtual_hosts": [virtual_host(api, settings) for api in apis]},
        "access_log": [_access_log(path="%PATH(NQ:ORIG_OR_PATH)%")],
        "http_filters": filters(),
        "local_reply_config": local_replies(apis, settings),
    }


def _strangers(settings: EnvoySettings) -> dict[str, Any]:
    """Under whatever name, from pages of any origin: who receives pushes is not known beforehand."""
    host = virtual_host(PUBLIC, settings)
    host |= {"domains": ["*"], "typed_per_filter_config": host["typed_per_filter_config"] | {CORS: cors_policy("*")}}
    return {
        "route_config": {"name": "public", "virtual_hosts": [host]},
        "access_log": [_access_log(path="%ROUTE_NAME%")],  # a signed link is in the path: only its route is told
        "http_filters": filters(largest=LARGEST),
        "local_reply_config": local_replies((PUBLIC,), settings),
    }


def _manager(name: str, own: dict[str, Any]) -> dict[str, Any]:
    config = {
        "@type": f"type.googleapis.com/{MANAGER}",
        "stat_prefix": name,
        "server_name": "carillon",
        "use_remote_address": True,
        "internal_address_config": {"unix_sockets": False},  # no caller is trusted for where it comes from
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "max_request_headers_kb": 96,
        "request_headers_timeout": "10s",
        "request_timeout": "60s",
        "common_http_protocol_options": {"idle_timeout": "600s"},
        "http2_protocol_options": {"initial_stream_window_size": 65536, "max_concurrent_streams": 1000},
        "early_header_mutation_extensions": [_strip()],
        **own,
    }
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": config}


def _strip() -> dict[str, Any]:
    config = {
        "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        "mutations": [{"remove": header} for header in FORGEABLE],
    }
    return {"name": "envoy.http.early_header_mutation.header_mutation", "typed_config": config}


def _access_log(*, path: str) -> dict[str, Any]:
    """One JSON object a line; paths without their query, so that no token is ever written down."""
    line = {
        "timestamp": "%START_TIME%",
        "event": "request",
        "api": "%CEL(xds.virtual_host_name)%",
        "verb": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
        "path": path,
        "status": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "flags": "%RESPONSE_FLAGS%",
        "milliseconds": "%DURATION%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
        "request_id": REQUEST_ID,
    }
    config = {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        "log_format": {
            "json_format": line,
        },
    }
    return {"name": "envoy.access_loggers.stdout", "typed_config": config}
