"""Owns the secrets of one embedded stack: made once, kept in one private file; never logged, never derived."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex, token_urlsafe

from tools.stack.files import read_json, write_json

ROLES = ("campaigns", "segments", "delivery", "analytics", "accounts")


@dataclass(frozen=True)
class Secrets:
    stack_id: str  # names this stack's files outside of its directory
    postgres_password: str  # the superuser's
    role_passwords: Mapping[str, str]  # one per service
    identity_secret: str  # base64 of 32 bytes: signs the internal identity tokens
    token_key: str  # base64 of a 32-byte Ed25519 seed: signs the tokens that clients get
    encryption_key: str  # base64 of 32 bytes: provider accounts at rest
    operator_key: str  # may create organizations


def load_or_create(path: Path) -> Secrets:
    """The stack's secrets; written to `path` (0600) the first time."""
    stored = read_json(path)
    if stored is None:
        stored = asdict(_generate())
        write_json(path, stored)
    return Secrets(**stored)


def _generate() -> Secrets:
    return Secrets(
        stack_id=token_hex(8),
        postgres_password=token_urlsafe(24),
        role_passwords={role: token_urlsafe(24) for role in ROLES},
        identity_secret=_key(),
        token_key=_key(),
        encryption_key=_key(),
        operator_key=token_urlsafe(32),
    )


def _key() -> str:
    return base64.b64encode(os.urandom(32)).decode()
