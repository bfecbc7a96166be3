"""Owns the order in which a stack stops: the door first, then the services, then what they stand on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

from tools.stack import description, draining, leftovers, postgres, supervision
from tools.stack.files import read_json
from tools.stack.layout import Layout
from tools.stack.supervisor_client import Supervisor

_PAUSE = 0.05
_ENDED = ("STOPPED", "FATAL")  # EXITED is not among them: supervisord is about to start it again


def stop(layout: Layout, *, say: Callable[[str], None]) -> bool:
    """Stop everything, also what a dead supervisor left behind; False: there was nothing."""
    supervisor = supervision.running(layout)
    if supervisor is not None:
        _stop_in_order(layout, supervisor)
    home = postgres.find_home(layout, stack_id="") if layout.postgres_place.exists() else None
    left = leftovers.end(layout, home)
    if left:
        say(f"ended what an earlier start had left: {', '.join(left)}")
    description.end(layout)
    return supervisor is not None or bool(left)


def stop_programs(supervisor: Supervisor, names: Iterable[str]) -> None:
    """Return when all of them have stopped; supervisord kills those that take too long."""
    waited_for = set(names)
    while running := [one.name for one in supervisor.processes() if one.name in waited_for and one.state not in _ENDED]:
        for name in running:
            supervisor.stop(name)  # again and again: it may be between two starts just now
        time.sleep(_PAUSE)


def _stop_in_order(layout: Layout, supervisor: Supervisor) -> None:
    names = {one.name for one in supervisor.processes()}
    if "envoy" in names:
        draining.drain(read_json(layout.ports)["envoy_admin"])
    below = {"postgres", "kafka", "sandbox"}
    for group in ({"envoy"}, names - {"envoy"} - below, {"sandbox"}, below):
        stop_programs(supervisor, names & group)
    pid = supervisor.pid()
    supervisor.shut_down()
    _wait_for_end(pid)


def _wait_for_end(pid: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(_PAUSE)
