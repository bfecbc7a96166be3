"""Owns the question of which user may run PostgreSQL and which directories that user can enter.

Never creates a user and never changes the rights of a directory that is not the stack's own.
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """The user of the machine that PostgreSQL runs as when we are root, which it refuses to be."""

    name: str
    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """None: we are not root, and PostgreSQL runs as whoever we are."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")  # every system has it; making a user of our own would outlive the stack
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def open_to_all(path: Path) -> bool:
    """Whether everybody may enter this directory and all above it."""
    return all(directory.stat().st_mode & stat.S_IXOTH for directory in _way_to(path))


def _way_to(path: Path) -> tuple[Path, ...]:
    return (path, *path.parents)


def let_all_read(tree: Path) -> None:
    """Give everybody the right to read, and to execute what its owner may execute, in a tree of our own."""
    tree.chmod(0o755)
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)


def place_outside(name: str) -> Path:
    """A directory of that name which every user can enter and only root can rename, outside of the repository."""
    for parent in (Path("/var/lib/carillon"), Path("/var/tmp/carillon"), Path("/tmp/carillon")):
        try:
            parent.mkdir(mode=0o755, exist_ok=True)
            if parent.lstat().st_uid != 0 or parent.is_symlink():
                continue  # somebody else was there first
            parent.chmod(0o755)  # whatever the umask said
            (parent / name).mkdir(mode=0o755, exist_ok=True)
            (parent / name).chmod(0o755)
        except OSError:
            continue
        return parent / name
    raise PermissionError("no directory in /var/lib, /var/tmp or /tmp that PostgreSQL's user could enter")
