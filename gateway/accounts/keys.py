"""Owns how an API key is spelled and hashed: `ck_live_` and 256 random bits in base64url."""

from __future__ import annotations

import base64
import hashlib
import secrets

PREFIX = "ck_live_"
RANDOM_BYTES = 32
LONGEST = 200


def new_secret() -> str:
    """A secret nobody has."""
    return PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(RANDOM_BYTES)).decode().rstrip("=")


def hash_of(secret: str) -> bytes:
    """What is stored: SHA-256 is enough where the secret is 256 random bits."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()
