"""Owns the handle on one whole stack: up, down, and what a test does to it in between.

Knows nothing of how a part is configured, asked or stopped.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tools.stack import description, kafka, postgres, starting, stopping, supervision
from tools.stack.errors import StackError
from tools.stack.files import locked
from tools.stack.layout import DEFAULT_DIRECTORY, Layout
from tools.stack.parts import PARTS, part_of
from tools.stack.preparation import prepare, recall
from tools.stack.readiness import wait_until_ready
from tools.stack.supervisor_client import ProcessState, Supervisor


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True)
class Stack:
    """The stack that lives in `directory`; any number of them run side by side.

    `only` limits it to some of PARTS. `say` gets a line for every step worth telling.
    """

    directory: Path = DEFAULT_DIRECTORY
    delivery_processes: int = 1
    only: tuple[str, ...] = PARTS
    say: Callable[[str], None] = field(default=_silent, repr=False)

    def __post_init__(self) -> None:
        if unknown := set(self.only) - set(PARTS):
            raise StackError(f"there is no {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")

    @cached_property
    def layout(self) -> Layout:
        """Where this stack's files are."""
        return Layout(self.directory.absolute())

    def up(self) -> bool:
        """Start everything and return when all is ready; False: it ran already.

        Raises StackError, after stopping what had started, with what failed and the end of its log.
        """
        self._make_directory()
        with locked(self.layout.lock):
            if supervision.running(self.layout) and self.description():
                return False
            stopping.stop(self.layout, say=self.say)
            try:
                prepared = prepare(
                    self.layout, parts=self.only, delivery_processes=self.delivery_processes, say=self.say
                )
                starting.start(self.layout, prepared, say=self.say)
            except BaseException:
                stopping.stop(self.layout, say=self.say)
                raise
        return True

    def down(self) -> bool:
        """Stop everything in order; False: nothing ran."""
        if not self.layout.directory.exists():
            return False
        with locked(self.layout.lock):
            return stopping.stop(self.layout, say=self.say)

    def remove(self) -> None:
        """Stop everything and delete all its data."""
        self.down()
        postgres.remove(self.layout)
        if self.layout.socket_link.is_symlink():
            shutil.rmtree(self.layout.socket_link.readlink(), ignore_errors=True)
        shutil.rmtree(self.layout.directory, ignore_errors=True)

    def description(self) -> dict[str, Any] | None:
        """The content of stack.json; None where nothing runs."""
        return description.read(self.layout)

    def set_sample(self, sample: Mapping[str, Any]) -> None:
        """Put the sample's ids and credentials into stack.json, now and at every later start."""
        description.set_sample(self.layout, sample)

    def processes(self) -> list[ProcessState]:
        """Every program's state; empty where nothing runs."""
        supervisor = supervision.running(self.layout)
        return supervisor.processes() if supervisor else []

    def pids(self, name: str) -> list[int]:
        """What runs now of a part (`delivery`) or a program (`delivery-2`)."""
        return [one.pid for one in self._named(name) if one.pid]

    def kill(self, name: str, signal_number: int = signal.SIGKILL) -> list[int]:
        """Send a signal to every process of a part or program; their pids. The supervisor brings back what dies."""
        pids = self.pids(name)
        for pid in pids:
            os.kill(pid, signal_number)
        return pids

    def stop(self, name: str) -> None:
        """Stop a part or program until `start`; returns when it has ended."""
        stopping.stop_programs(self._supervisor(), [one.name for one in self._named(name)])

    def start(self, name: str) -> None:
        """Start what `stop` stopped; returns when it is ready."""
        for one in self._named(name):
            self._supervisor().start(one.name)
        self.wait_until_ready(name)

    def wait_until_ready(self, *names: str, seconds: float = starting.READY_WITHIN) -> None:
        """Return when these parts or programs (all, if none is named) say that they are ready. Raises StackError."""
        known = recall(self.layout, parts=self.only, delivery_processes=self.delivery_processes).programs
        chosen = [program for program in known if not names or {program.name, program.part} & set(names)]
        wait_until_ready(chosen, self._supervisor(), self.layout, seconds=seconds)

    def wipe_kafka(self) -> None:
        """Lose the whole Kafka log: stop, delete, format with a new cluster id, start; returns when it is ready."""
        self.stop("kafka")
        kafka.format_log_directory(self.layout)
        self.start("kafka")

    def _make_directory(self) -> None:
        self.layout.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Everything in it is private by itself; as root, PostgreSQL's user has to pass through.
        self.layout.directory.chmod(0o711 if os.geteuid() == 0 else 0o700)

    def _named(self, name: str) -> list[ProcessState]:
        return [one for one in self.processes() if name in (one.name, part_of(one.name))]

    def _supervisor(self) -> Supervisor:
        supervisor = supervision.running(self.layout)
        if supervisor is None:
            raise StackError(f"no stack runs in {self.layout.directory}")
        return supervisor
