"""Owns the book of ports that this user's stacks have chosen, so that two that start at once do not collide.

An entry counts while the process that made it lives. Never decides which port is best.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psutil

from tools.stack.files import locked, read_json, write_json
from tools.stack.ports import choose, nobody_listens


def _book() -> Path:
    place = Path(tempfile.gettempdir()) / f"carillon-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    if place.lstat().st_uid != os.getuid():
        raise PermissionError(f"{place} belongs to somebody else")
    return place / "ports.json"


def reserve(wanted: Mapping[str, int]) -> dict[str, int]:
    """Choose a port for every name and write them down as this process's."""
    book = _book()
    with locked(book.with_suffix(".lock")):
        taken = _living(read_json(book) or {})
        chosen = choose(wanted, is_free=lambda port: str(port) not in taken and nobody_listens(port))
        write_json(book, taken | {str(port): _identity(os.getpid()) for port in chosen.values()})
    return chosen


def hand_over(*, to: int) -> None:
    """From now on this process's entries count as long as process `to` lives."""
    book, mine, theirs = _book(), _identity(os.getpid()), _identity(to)
    with locked(book.with_suffix(".lock")):
        entries = _living(read_json(book) or {})
        write_json(book, {port: theirs if owner == mine else owner for port, owner in entries.items()})


def _identity(pid: int) -> str:
    return f"{pid} {psutil.Process(pid).create_time()}"  # a pid alone comes back one day


def _living(entries: dict[str, str]) -> dict[str, str]:
    return {port: owner for port, owner in entries.items() if _lives(owner)}


def _lives(owner: str) -> bool:
    pid, _, born = owner.partition(" ")
    try:
        return bool(abs(psutil.Process(int(pid)).create_time() - float(born)) < 5)  # the clock may have been set since
    except (psutil.Error, ValueError):
        return False
