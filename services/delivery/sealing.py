"""Owns sealing secrets at rest: AES-256-GCM with the installation's key, bound to what they belong to.

Never shows one in an error or a log.
"""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_SIZE = 12


class Seal:
    """Seals and opens."""

    def __init__(self, encryption_key: bytes) -> None:
        self._cipher = AESGCM(encryption_key)

    def close(self, secret: bytes, *, owner: bytes) -> bytes:
        """The secret, sealed; it opens for the same owner only."""
        nonce = secrets.token_bytes(NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, secret, owner)

    def open(self, sealed: bytes, *, owner: bytes) -> bytes:
        """The secret. Raises cryptography's InvalidTag where it was sealed with another key or for another owner."""
        return self._cipher.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], owner)
