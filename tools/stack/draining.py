"""Owns Envoy's farewell: no new connections, and a moment for the calls that are running."""

from __future__ import annotations

import http.client
import json
import time

_PATIENCE = 5.0  # seconds; a progress stream would hold the door open for ever


def drain(admin_port: int) -> None:
    """Return when no call is running any more, or after a few seconds; at once where no Envoy answers."""
    try:
        _admin(admin_port, "POST", "/healthcheck/fail")
        _admin(admin_port, "POST", "/drain_listeners?graceful&skip_exit")
        until = time.monotonic() + _PATIENCE
        while _running_calls(admin_port) and time.monotonic() < until:
            time.sleep(0.1)
    except (OSError, http.client.HTTPException, ValueError):
        return


def _running_calls(admin_port: int) -> int:
    stats = json.loads(_admin(admin_port, "GET", "/stats?filter=downstream_rq_active$&format=json"))["stats"]
    # The admin's own request is one of them.
    return sum(one.get("value", 0) for one in stats if not one["name"].startswith("http.admin."))


def _admin(port: int, method: str, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request(method, path)
        return connection.getresponse().read()
    finally:
        connection.close()
