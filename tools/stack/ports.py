"""Owns the choice of ports: the wish list, and what happens when a wish is taken.

Never keeps a port open: the book of reservations (`reservations.py`) covers the time until its server listens.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

DIALECTS = ("reachbell",)  # those that are built; a new one is added here and nowhere else in this package

PUBLISHED = {
    "native": 8080,
    "reachbell": 8081,
    "orbit": 8082,
    "editions": 8083,
    "leads": 8084,
    "clubs": 8085,
    "public": 8088,
    "sandbox": 8090,
    "smtp": 2525,
}
_OF_SANDBOX = ("sandbox", "smtp")
_UNBUILT = {"orbit", "editions", "leads", "clubs"} - set(DIALECTS)

# Below the range from which the kernel takes ports for outgoing connections: a port of a process
# that is being restarted must not be lent to somebody's client meanwhile.
_FIRST_INTERNAL = 17400
_LAST = 32700
_INTERNAL = (
    *("postgres", "kafka", "kafka_controller", "envoy_admin"),
    *(f"{name}{side}" for name in ("campaigns", "segments", "analytics", "gateway") for side in ("", "_http")),
    "delivery",
)


@dataclass(frozen=True)
class Ports:
    """The ports of one stack by what listens there: `native`, `kafka`, `delivery_http_2` …"""

    by_name: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.by_name[name]

    def address(self, name: str) -> str:
        """`127.0.0.1:port`: nothing embedded is reachable from outside."""
        return f"127.0.0.1:{self.by_name[name]}"


def wishes(*, delivery_processes: int, previous: Mapping[str, int]) -> dict[str, int]:
    """What each listener would like: the documented port, or for the internal ones the one it had last time."""
    internal = (*_INTERNAL, *(f"delivery_http_{number}" for number in range(1, delivery_processes + 1)))
    fresh = {name: _FIRST_INTERNAL + index for index, name in enumerate(internal)}
    kept = {name: previous[name] for name in internal if name in previous}
    return {name: port for name, port in PUBLISHED.items() if name not in _UNBUILT} | fresh | kept


def part_listening(name: str) -> str:
    """The part that listens on the port of this name."""
    if name in _OF_SANDBOX:
        return "sandbox"
    if name in PUBLISHED:
        return "envoy"
    return name.partition("_")[0]


def choose(wanted: Mapping[str, int], *, is_free: Callable[[int], bool]) -> dict[str, int]:
    """Give every name its wish, or the next free port that nobody else wishes for.

    Raises LookupError where none is left below the kernel's own range.
    """
    chosen: dict[str, int] = {}
    used: set[int] = set()
    for name, port in wanted.items():
        if port not in used and is_free(port):
            chosen[name] = port
            used.add(port)
    for name in wanted.keys() - chosen.keys():  # only now: one that has to move must not push another away
        chosen[name] = _next_free(wanted[name], avoid={*used, *wanted.values()}, is_free=is_free)
        used.add(chosen[name])
    return {name: chosen[name] for name in wanted}


def _next_free(wish: int, *, avoid: Iterable[int], is_free: Callable[[int], bool]) -> int:
    for port in range(wish + 1, _LAST):
        if port not in avoid and is_free(port):
            return port
    raise LookupError(f"no free port above {wish}")


def nobody_listens(port: int) -> bool:
    """Whether a server could start on this port now."""
    with socket.socket() as probe:
        # As servers do: what lingers in TIME_WAIT after `down` must not move the next start to other ports.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
        return True
