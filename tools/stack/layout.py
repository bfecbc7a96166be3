"""Owns where a stack keeps its files; never reads or writes one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache"
DEFAULT_DIRECTORY = REPOSITORY / ".run"
DESCRIPTORS = REPOSITORY / "proto" / "gen" / "carillon.binpb"


@dataclass(frozen=True)
class Layout:
    """The files of the stack that lives in `directory` (absolute)."""

    directory: Path

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def description(self) -> Path:
        return self.directory / "stack.json"

    @property
    def sample(self) -> Path:
        return self.directory / "sample.json"

    @property
    def secrets(self) -> Path:
        return self.directory / "secrets.json"

    @property
    def ports(self) -> Path:
        return self.directory / "ports.json"

    @property
    def probes(self) -> Path:
        """What the liveness listener watches, and how each program is asked."""
        return self.directory / "probes.json"

    @property
    def supervisor_configuration(self) -> Path:
        return self.directory / "supervisord.conf"

    @property
    def socket_link(self) -> Path:
        """Leads to a short directory, where this one's path is too long for a socket in it."""
        return self.directory / "socket"

    @property
    def socket(self) -> Path:
        """supervisord's."""
        place = self.socket_link.readlink() if self.socket_link.is_symlink() else self.directory
        return place / "supervisor.sock"

    @property
    def envoy_configuration(self) -> Path:
        return self.directory / "envoy.yaml"

    @property
    def postgres_place(self) -> Path:
        """Tells where PostgreSQL's files are, since they cannot always be in here."""
        return self.directory / "postgres.json"

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"

    @property
    def kafka(self) -> Path:
        return self.directory / "kafka"

    @property
    def delivery(self) -> Path:
        return self.directory / "delivery"

    @property
    def sandbox(self) -> Path:
        return self.directory / "sandbox"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    def log(self, program: str) -> Path:
        return self.logs / f"{program}.log"
