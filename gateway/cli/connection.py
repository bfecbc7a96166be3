"""Owns where the command line calls and as whom: options, the environment, then `.run/stack.json` of this folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import grpc

from services.runtime.settings import PREFIX

STACK = Path(".run/stack.json")
DEFAULT_ADDRESS = "127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Connection:
    """An open channel to the native API, and the credentials to call with."""

    channel: grpc.Channel
    key: str
    operator_key: str

    def metadata(self, *, operator: bool = False) -> list[tuple[str, str]]:
        """The credential of a call: the operator's where it is wanted and there is one, else the organization's key."""
        credential = (operator and self.operator_key) or self.key
        if not credential:
            option = "operator_key" if operator else "key"
            wanted = f"--{option.replace('_', '-')}, or set {variable(option)}"
            raise click.ClickException(f"No credential: give {wanted}.")
        return [("x-api-key", credential)]


def variable(option: str) -> str:
    """The environment variable that an option may be given by."""
    return PREFIX + option.upper()


def connect(*, address: str, key: str, operator_key: str) -> Connection:
    """What is not given is taken from the running stack, where this folder has one."""
    stack = _stack()
    where = address or stack.get("grpc") or DEFAULT_ADDRESS
    own_key = key or stack.get("sample", {}).get("api_key", "")
    return Connection(channel=grpc.insecure_channel(where), key=own_key, operator_key=operator_key)


def _stack() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(STACK.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{STACK} cannot be read: {error}") from error
    return found


def sentence_of(error: grpc.RpcError) -> str:
    """One sentence for a call that failed."""
    if not isinstance(error, grpc.Call):
        return str(error)
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return "Carillon does not answer; is it running, and is the address right?"
    return str(error.details() or error.code().name)
