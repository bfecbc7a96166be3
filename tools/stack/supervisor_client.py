"""Owns the conversation with supervisord: XML-RPC over its socket; decides nothing about what should run."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

GROUP = "carillon"  # all programs are in one: supervisord takes up to a second for each when it shuts down

_ALREADY_STARTED, _NOT_RUNNING = 60, 70  # supervisor.xmlrpc.Faults


@dataclass(frozen=True)
class ProcessState:
    """One program as supervisord sees it; `pid` is 0 where nothing runs."""

    name: str
    state: str  # STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL
    pid: int
    started: int  # UNIX seconds
    trouble: str  # supervisord's words about why it does not run


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _Connection(self.path)


class Supervisor:
    """A running supervisord. Every method raises OSError where none answers at this socket."""

    def __init__(self, socket_path: Path) -> None:
        self._rpc = xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(socket_path)).supervisor

    def pid(self) -> int:
        return int(cast(int, self._rpc.getPID()))

    def processes(self) -> list[ProcessState]:
        """Every program, without the listener."""
        listed = cast(Iterable[dict[str, Any]], self._rpc.getAllProcessInfo())
        return [
            ProcessState(one["name"], one["statename"], one["pid"], one["start"], one["spawnerr"])
            for one in listed
            if one["group"] == GROUP
        ]

    def start(self, name: str) -> None:
        """Ask for a start without waiting for it."""
        with _tolerating(_ALREADY_STARTED):
            self._rpc.startProcess(f"{GROUP}:{name}", False)

    def stop(self, name: str) -> None:
        """Ask for a stop without waiting for it."""
        with _tolerating(_NOT_RUNNING):
            self._rpc.stopProcess(f"{GROUP}:{name}", False)

    def shut_down(self) -> None:
        """Stop whatever still runs, then supervisord."""
        self._rpc.shutdown()


@contextmanager
def _tolerating(code: int) -> Iterator[None]:
    try:
        yield
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != code:
            raise
