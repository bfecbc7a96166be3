"""Owns how Envoy reaches our processes: one cluster each, one more for streams, one for the door."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.edge.settings import EnvoySettings
from services.runtime.settings import Address

UPSTREAMS = ("campaigns", "segments", "delivery", "analytics", "gateway")
DOOR = "door"
MANY = 20_000  # streams are cheap; the default would stop at 1,024
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def streams(upstream: str) -> str:
    """The cluster for a process' streams, which must not use up what its other calls need."""
    return f"{upstream}_streams"


def clusters(settings: EnvoySettings) -> Iterator[dict[str, Any]]:
    """All clusters."""
    for upstream in UPSTREAMS:
        yield _cluster(upstream, settings.upstream(upstream))
        yield _cluster(streams(upstream), settings.upstream(upstream))
    yield _cluster(DOOR, settings.gateway)


def _cluster(name: str, address: Address) -> dict[str, Any]:
    limits = {"max_connections": MANY, "max_pending_requests": MANY, "max_requests": MANY, "max_retries": MANY}
    http2 = {
        "connection_keepalive": {"interval": "10s", "timeout": "5s"},
        "initial_stream_window_size": 65536,  # a reader that stalls is not read ahead for by megabytes
    }
    # No health checks: while a process has one instance, "unhealthy" would only turn a pause into an error.
    return {
        "name": name,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [limits]},
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{HTTP_OPTIONS}",
                "explicit_http_config": {"http2_protocol_options": http2},
            }
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(address.host, address.port)}}]}],
        },
    }


def socket(host: str, port: int) -> dict[str, Any]:
    """An address as Envoy writes it."""
    return {"socket_address": {"address": host, "port_value": port}}
