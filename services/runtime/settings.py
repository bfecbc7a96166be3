"""Owns reading settings: a frozen dataclass in, its values from the environment out, every problem named at once.

Nobody else reads the environment. A field of the dataclass becomes the variable CARILLON_<FIELD IN CAPITALS>; its type
says how it is read and its default, if it has one, what holds where the variable is absent.
"""

from __future__ import annotations

import base64
import dataclasses
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import environs

Settings = TypeVar("Settings")
PREFIX = "CARILLON_"


class Secret(bytes):
    """32 bytes, base64 in the environment; never shown."""

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__  # that of bytes would show them


class Address(str):
    """`host:port`."""

    @property
    def host(self) -> str:
        """The host."""
        return self.rpartition(":")[0]

    @property
    def port(self) -> int:
        """The port."""
        return int(self.rpartition(":")[2])


def _secret(text: str) -> Secret:
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError as error:  # binascii.Error is one; so is the refusal of what is not ASCII
        raise environs.EnvError("must be base64") from error
    if len(value) != 32:
        raise environs.EnvError("must be 32 bytes in base64")
    return Secret(value)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise environs.EnvError("must be host:port")
    return Address(text)


READERS: Mapping[Any, Callable[[str], Any]] = {Secret: _secret, Address: _address}


def read_settings(kind: type[Settings]) -> Settings:
    """Build `kind` from the environment, or name every problem on standard error and exit with 2."""
    env = environs.Env(prefix=PREFIX)
    types = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in dataclasses.fields(typing.cast(Any, kind)):
        try:
            values[field.name] = _read(env, field, types[field.name])
        except environs.EnvError as error:
            problems.append(f"{PREFIX}{field.name.upper()}: {error}")
    if problems:
        print("These settings are wrong:\n  " + "\n  ".join(problems), file=sys.stderr)
        raise SystemExit(2)
    return kind(**values)


def _read(env: environs.Env, field: dataclasses.Field[Any], kind: Any) -> Any:
    name = field.name.upper()
    default = {} if field.default is dataclasses.MISSING else {"default": field.default}
    if kind in READERS:
        text = env.str(name, **default)
        return text if text is field.default else READERS[kind](text)
    if kind == tuple[str, ...]:
        return tuple(item for item in env.list(name, **default) if item)
    methods: dict[Any, Callable[..., Any]] = {str: env.str, int: env.int, float: env.float, bool: env.bool}
    return methods[kind](name, **default)
