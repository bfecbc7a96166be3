"""Owns what a stack without a supervisor left running: finds it by its mark and ends it.

Never touches a process that was not started by the stack in this very directory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from tools.stack.layout import Layout
from tools.stack.postgres import PostgresHome, postmaster
from tools.stack.supervision import MARK


def end(layout: Layout, home: PostgresHome | None) -> list[str]:
    """Kill them all, which everything in here survives without loss; the names of those that were there."""
    found = [*_marked(layout), *(_postgres(home) if home else ())]
    names = sorted({_name(process) for process in found})
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found, timeout=10)
    return names


def _marked(layout: Layout) -> Iterator[psutil.Process]:
    ourselves = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid not in ourselves and process.environ().get(MARK) == str(layout.directory):
                yield process


def _postgres(home: PostgresHome) -> list[psutil.Process]:
    """It writes its title over its environment, so its lock file tells the pid, its command whether it still is it."""
    pid = postmaster(home)
    with suppress(psutil.Error):
        if pid is not None:
            process = psutil.Process(pid)
            if Path(process.exe()).name == "postgres" and str(home.data) in process.cmdline():
                return [process, *process.children(recursive=True)]
    return []


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return str(process.name())
    return f"pid {process.pid}"
