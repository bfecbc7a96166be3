"""Owns `stack.json`: what a running stack says about itself. Its keys are a contract; absent means not built.

Several processes write it (`up`, the liveness listener, whoever makes the sample), so every change is a locked
read, change and atomic replace. Never written for a stack that does not run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from tools.stack.files import locked, read_json, write_json
from tools.stack.layout import Layout
from tools.stack.parts import part_of

Description = dict[str, Any]


def addresses(
    by_name: Mapping[str, int], *, parts: Collection[str], dialects: Iterable[str], postgres: str
) -> Description:
    """The addresses of the given parts; `by_name` has the ports, `postgres` is the superuser's URL."""
    told: Description = {}
    if "envoy" in parts:
        told["native"] = _url(by_name["native"])
        told["grpc"] = f"127.0.0.1:{by_name['native']}"
        told["public"] = _url(by_name["public"])
        told["dialects"] = {name: _url(by_name[name]) for name in dialects}
    if "postgres" in parts:
        told["postgres"] = postgres
    if "kafka" in parts:
        told["kafka"] = f"127.0.0.1:{by_name['kafka']}"
    if "sandbox" in parts:
        told["sandbox"] = _url(by_name["sandbox"])
        told["smtp"] = f"127.0.0.1:{by_name['smtp']}"
    return told


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def begin(layout: Layout, told: Description, processes: Mapping[str, list[int]]) -> None:
    """Write the description of a stack that has just become ready, with the sample that it has from earlier."""
    with locked(_lock(layout)):
        sample = read_json(layout.sample)
        write_json(layout.description, {**told, "processes": processes, **({"sample": sample} if sample else {})})


def set_processes(layout: Layout, processes: Mapping[str, list[int]]) -> None:
    """Put the present pids in; nothing where the stack has not become ready yet, or is down."""
    with locked(_lock(layout)):
        told = read_json(layout.description)
        if told is not None and told.get("processes") != processes:
            write_json(layout.description, {**told, "processes": processes})


def set_sample(layout: Layout, sample: Mapping[str, Any]) -> None:
    """Put the sample's ids and credentials in, now and at every later start of this stack."""
    with locked(_lock(layout)):
        write_json(layout.sample, sample)
        told = read_json(layout.description)
        if told is not None:
            write_json(layout.description, {**told, "sample": sample})


def end(layout: Layout) -> None:
    """Take the description away: nothing runs any more."""
    with locked(_lock(layout)):
        layout.description.unlink(missing_ok=True)


def read(layout: Layout) -> Description | None:
    """What the running stack says; None where none runs."""
    told: Description | None = read_json(layout.description)
    return told


def group(pids: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    """Pids by part, from (program, pid); a pid of 0 is a program that does not run now."""
    grouped: dict[str, list[int]] = {}
    for program, pid in pids:
        running = grouped.setdefault(part_of(program), [])
        if pid:
            running.append(pid)
    return grouped


def _lock(layout: Layout) -> Path:
    return layout.directory / "stack.lock"
