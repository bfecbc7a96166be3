"""Owns supervisord's event listener: asks every process whether it lives, kills the silent ones, and keeps
`processes` in stack.json true.

Never starts what was stopped on purpose: supervisord brings back what it kills. Imports little, since it runs always.
"""

from __future__ import annotations

import os
import selectors
import sys
import time
import xmlrpc.client
from functools import partial
from pathlib import Path
from typing import Any

from tools.stack import description
from tools.stack.asking import Inquiry
from tools.stack.files import read_json
from tools.stack.layout import Layout
from tools.stack.probes import Probe, Question
from tools.stack.supervisor_client import ProcessState, Supervisor
from tools.stack.vigil import ROUND, Vigil

_FATAL_PAUSE = 2.0  # seconds, in which `up` can see and report that a program gave up


class Listener:
    """One loop over supervisord's events, the answers of the processes, and the clock."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._supervisor = Supervisor(layout.socket)
        self._probes = {name: _probe(stored) for name, stored in read_json(layout.probes).items()}
        self._selector = selectors.DefaultSelector()
        self._vigil = Vigil(now=time.monotonic())
        self._pids: dict[str, int] = {}
        self._asked: dict[str, tuple[int, Inquiry]] = {}
        self._fatal: dict[str, float] = {}

    def run(self) -> None:
        """Until supervisord closes its end."""
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, self._event)
        self._look()
        _say("READY\n")
        due = time.monotonic()
        while True:
            for key, _ in self._selector.select(max(0.0, due - time.monotonic())):
                key.data()
            if time.monotonic() >= due:
                self._round()
                due = time.monotonic() + ROUND

    def _event(self) -> None:
        """A state changed, of whatever: the event only says when to look."""
        header = _read_line()
        if not header:
            raise SystemExit(0)
        length = int(dict(pair.split(":", 1) for pair in header.split())["len"])
        _read(length)
        self._look()
        _say("RESULT 2\nOKREADY\n")

    def _look(self) -> None:
        try:
            processes = self._supervisor.processes()
        except (OSError, xmlrpc.client.Error) as error:
            return _log(f"supervisord did not answer: {error}")  # it is shutting down, or the next event comes
        now = time.monotonic()
        self._pids = {one.name: one.pid for one in processes if one.state in ("STARTING", "RUNNING")}
        self._vigil.observe(self._pids, now=now)
        self._fatal = {one.name: self._fatal.get(one.name, now) for one in processes if one.state == "FATAL"}
        self._describe(processes)

    def _describe(self, processes: list[ProcessState]) -> None:
        description.set_processes(self._layout, description.group((one.name, one.pid) for one in processes))

    def _round(self) -> None:
        now = time.monotonic()
        for name, pid in self._vigil.overdue(now=now).items():
            _log(f"{name} (pid {pid}) has not answered in time: killed")
            _kill_with_children(pid)
        for name in [name for name, since in self._fatal.items() if now - since >= _FATAL_PAUSE]:
            self._start_again(name)
        for name, pid in self._pids.items():
            self._ask(name, pid)

    def _start_again(self, name: str) -> None:
        self._fatal.pop(name)
        try:
            self._supervisor.start(name)
        except (OSError, xmlrpc.client.Error) as error:
            return _log(f"{name} gave up, and could not be started again: {error}")
        _log(f"{name} gave up: started again")

    def _ask(self, name: str, pid: int) -> None:
        """Put the question anew, unless this very process still owes the answer to the last one."""
        asked = self._asked.get(name)
        if asked is not None:
            if asked[0] == pid:
                return
            asked[1].close()
        done = partial(self._answered, name, pid)
        self._asked[name] = (pid, Inquiry(self._probes[name], self._selector, done))

    def _answered(self, name: str, pid: int, answer: bool) -> None:
        self._asked.pop(name, None)
        if answer:
            self._vigil.answered(name, pid, now=time.monotonic())


def _probe(stored: dict[str, Any]) -> Probe:
    return Probe(Question(stored["question"]), stored["port"], stored["path"])


def _kill_with_children(pid: int) -> None:
    """PostgreSQL's children lead process groups of their own, and a frozen one would keep its shared memory in use."""
    import psutil  # only now: 4 MB that are hardly ever needed

    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _read_line() -> str:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(sys.stdin.fileno(), 1)
        if not byte:
            return ""
        line += byte
    return line.decode()


def _read(length: int) -> None:
    while length > 0:
        length -= len(os.read(sys.stdin.fileno(), length)) or length


def _say(text: str) -> None:
    os.write(sys.stdout.fileno(), text.encode())


def _log(text: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    Listener(Layout(Path(sys.argv[1]))).run()
