"""Owns the sandbox's settings: two environment variables, read once.

Never guesses: a wrong value is named, all wrong ones at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_LISTEN = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")


class InvalidSettings(Exception):
    """Raised with one line for every wrong setting."""


@dataclass(frozen=True, slots=True)
class Settings:
    host: str  # the address to listen on
    port: int
    data: Path  # holds the ledger, the subscriptions' secret and who retired


def read(environment: Mapping[str, str]) -> Settings:
    """From CARILLON_SANDBOX_LISTEN (host:port) and CARILLON_SANDBOX_DATA (a directory, made where absent)."""
    problems = []
    listen = _LISTEN.fullmatch(environment.get("CARILLON_SANDBOX_LISTEN", "127.0.0.1:8090"))
    if listen is None or not 0 <= int(listen["port"]) < 65_536:
        problems.append("CARILLON_SANDBOX_LISTEN is host:port, for instance 127.0.0.1:8090")
    data = Path(environment.get("CARILLON_SANDBOX_DATA", ""))
    if not environment.get("CARILLON_SANDBOX_DATA"):
        problems.append("CARILLON_SANDBOX_DATA is missing: a directory for the ledger")
    elif data.exists() and not data.is_dir():
        problems.append("CARILLON_SANDBOX_DATA is not a directory")
    if problems or listen is None:
        raise InvalidSettings("\n".join(problems))
    return Settings(listen["host"].strip("[]"), int(listen["port"]), data)
