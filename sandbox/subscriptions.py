"""Owns the sandbox's browsers: push subscriptions whose keys follow from one secret and their id, and who retired.

Never stores a subscription: an id carries its own proof, so a million of them cost nothing and outlive a restart.
"""

from __future__ import annotations

import base64
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Keys:
    """What only the browser knows (RFC 8291 §3.1)."""

    private: ec.EllipticCurvePrivateKey
    public: bytes  # 65 bytes
    auth: bytes  # 16 bytes


class Subscriptions:
    """The subscriptions of one data directory."""

    def __init__(self, directory: Path) -> None:
        self._secret = _secret(directory / "subscriptions.key")
        self._retired_file = (directory / "retired.txt").open("a+", encoding="ascii")
        self._retired_file.seek(0)
        self._retired = {line.strip() for line in self._retired_file}

    def create(self) -> str:
        """A new id: a nonce and its authentication code, each 16 characters of base64url."""
        nonce = base64.urlsafe_b64encode(os.urandom(12))
        return (nonce + self._tag(nonce)).decode()

    def exists(self, identifier: str) -> bool:
        """Whether this sandbox has made the id, retired or not."""
        raw = identifier.encode()
        return len(raw) == 32 and hmac.compare_digest(raw[16:], self._tag(raw[:16]))

    def is_retired(self, identifier: str) -> bool:
        return identifier in self._retired

    def retire(self, identifier: str) -> None:
        """From now on its pushes are answered 410."""
        if identifier not in self._retired:
            self._retired.add(identifier)
            self._retired_file.write(identifier + "\n")
            self._retired_file.flush()

    def keys(self, identifier: str) -> Keys:
        """Derived anew each time, about 40 µs."""
        name = identifier.encode()
        scalar = int.from_bytes(self._derive(b"private", name)) % (_ORDER - 1) + 1
        private = ec.derive_private_key(scalar, _CURVE)
        public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return Keys(private, public, self._derive(b"auth", name)[:16])

    def describe(self, identifier: str, *, origin: str) -> dict[str, object]:
        """As the browser's `PushSubscription.toJSON()` spells it (Push API §6.1)."""
        keys = self.keys(identifier)
        return {
            "endpoint": f"{origin}/push/{identifier}",
            "expirationTime": None,
            "keys": {"p256dh": _base64url(keys.public), "auth": _base64url(keys.auth)},
        }

    def close(self) -> None:
        self._retired_file.close()

    def _tag(self, nonce: bytes) -> bytes:
        return base64.urlsafe_b64encode(self._derive(b"id", nonce)[:12])

    def _derive(self, purpose: bytes, name: bytes) -> bytes:
        return hmac.digest(self._secret, purpose + b"\x00" + name, "sha256")


def _secret(path: Path) -> bytes:
    if path.exists() and len(secret := path.read_bytes()) == 32:
        return secret
    fresh = path.with_suffix(".new")
    fresh.write_bytes(os.urandom(32))
    fresh.chmod(0o600)
    fresh.replace(path)  # whole or not at all: half a secret would orphan every subscription
    return path.read_bytes()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
