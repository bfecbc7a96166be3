"""Owns reading what a stack's processes cost: resident memory and processor time, by part."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import psutil

NOT_PYTHON = ("envoy", "kafka", "postgres")


def python_processes(described: Mapping[str, Any]) -> dict[str, list[psutil.Process]]:
    """Our own processes by part, and whatever watches over them."""
    parts = {
        part: [psutil.Process(pid) for pid in pids]
        for part, pids in described["processes"].items()
        if part not in NOT_PYTHON
    }
    supervisor = next(iter(parts.values()))[0].parent()
    known = {process.pid for processes in parts.values() for process in processes}
    if supervisor is not None:
        watchers = [child for child in supervisor.children() if child.pid not in known and _is_python(child)]
        parts["supervisor"] = [supervisor, *watchers]
    return parts


def _is_python(process: psutil.Process) -> bool:
    return "python" in process.name()


def memory_mb(described: Mapping[str, Any]) -> dict[str, float]:
    """Resident megabytes of the largest process of each part."""
    return {
        part: max(process.memory_info().rss for process in processes) / 1e6
        for part, processes in python_processes(described).items()
    }


def cpu_seconds(described: Mapping[str, Any]) -> dict[str, float]:
    """Processor seconds since its start, by part."""
    return {
        part: sum(sum(process.cpu_times()[:2]) for process in processes)
        for part, processes in python_processes(described).items()
    }


def cpu_share(described: Mapping[str, Any], *, seconds: float) -> dict[str, float]:
    """Share of one core, by part, over so many seconds."""
    before = cpu_seconds(described)
    time.sleep(seconds)
    after = cpu_seconds(described)
    return {part: (after[part] - before[part]) / seconds for part in before if part in after}
