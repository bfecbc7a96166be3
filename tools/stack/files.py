"""Owns how the stack writes its files: whole or not at all, and private; knows no content."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_private(path: Path, text: str) -> None:
    """Replace `path` atomically; only its owner may read it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def write_json(path: Path, content: object) -> None:
    """Replace `path` atomically with `content` as JSON."""
    write_private(path, json.dumps(content, indent=1) + "\n")


def read_json(path: Path) -> Any:
    """The parsed content, or None where the file is missing or was cut short by a crash."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock that dies with this process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
