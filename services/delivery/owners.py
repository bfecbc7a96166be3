"""Owns telling the living from the dead: a lock file per process, held as long as the process lives.

Never uses process ids (containers repeat them). An owner is `machine/boot/start`: the machine is whoever shares the
state directory, the boot is the kernel's id of it, the start is random. The kernel drops the lock with the process,
whatever killed it; a frozen process keeps it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a claim."""

    machine: str
    boot: str
    start: str

    def __str__(self) -> str:
        return f"{self.machine}/{self.boot}/{self.start}"

    @classmethod
    def parse(cls, text: str) -> Owner:
        """The owner that `str` spelled."""
        machine, boot, start = text.split("/")
        return cls(machine, boot, start)


class Owners:
    """This process' own name and lock, and the question whether another's is still held."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        boot = BOOT_ID.read_text().strip() if BOOT_ID.exists() else "unknown-boot"
        self.me = Owner(machine=_machine(directory / "machine-id"), boot=boot, start=secrets.token_hex(8))
        self._lock = os.open(self._path(self.me.start), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def is_dead(self, owner: Owner, *, lease_over: bool) -> bool:
        """Whether the owner will never act on its claims again.

        On this machine and boot the lock tells; another boot of this machine is over; of another machine only the
        lease, which a living owner renews, can tell.
        """
        if owner == self.me:
            return False
        if owner.machine != self.me.machine:
            return lease_over
        if owner.boot != self.me.boot:
            return True
        return self._lock_is_free(self._path(owner.start))

    def is_over(self, start: str) -> bool:
        """Whether a process of this machine, known by its start alone, has ended."""
        return start != self.me.start and self._lock_is_free(self._path(start))

    def close(self) -> None:
        """Give the lock up: what this process still holds is for others to take."""
        self._path(self.me.start).unlink(missing_ok=True)
        os.close(self._lock)

    def _path(self, start: str) -> Path:
        return self.directory / f"{start}.lock"

    def _lock_is_free(self, path: Path) -> bool:
        try:
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            path.unlink(missing_ok=True)
            return True
        finally:
            os.close(lock)


def _machine(path: Path) -> str:
    """The state directory's own id, made by whoever comes first; nobody ever reads half of it."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    draft.write_text(secrets.token_hex(8))
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()
