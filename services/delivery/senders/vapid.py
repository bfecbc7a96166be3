"""Owns how Carillon names itself to push services: the VAPID key and one signed token per origin (RFC 8292).

Never sends anything; a token is never good for another origin and never for more than a day.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_LIFETIME = 12 * 3600  # seconds; RFC 8292 §2 allows 24 hours, clocks are allowed to be wrong
_RENEW_BEFORE = 6 * 3600
_MAX_ORIGINS = 1_000  # origins are chosen by whoever subscribes: the cache must not grow with them
_CURVE = ec.SECP256R1()


@dataclass(frozen=True, slots=True)
class _Token:
    header: bytes
    renew_at: float


class VapidSigner:
    """Signs for one application server; safe to be used from several threads."""

    def __init__(
        self, private_key: ec.EllipticCurvePrivateKey, subject: str, *, now: Callable[[], float] = time.time
    ) -> None:
        """`subject` is a `mailto:` or `https:` address where a push service reaches the operator (RFC 8292 §2.1)."""
        if private_key.curve.name != _CURVE.name:
            raise ValueError("a VAPID key is a key on P-256")
        if not subject.startswith(("mailto:", "https:")):
            raise ValueError("a VAPID subject is a mailto: or https: address")
        self._key = private_key
        self._subject = subject
        self._now = now
        self._tokens: dict[str, _Token] = {}
        self._lock = threading.Lock()
        self._public = _base64url(private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    @classmethod
    def from_base64url(cls, private_key: str, subject: str) -> VapidSigner:
        """From the 32 bytes of the private key, as every web push tool prints them. Raises ValueError."""
        raw = base64.urlsafe_b64decode(private_key + "=" * (-len(private_key) % 4))
        if len(raw) != 32:
            raise ValueError("a VAPID private key is 32 bytes in base64url")
        return cls(ec.derive_private_key(int.from_bytes(raw), _CURVE), subject)

    @property
    def public_key(self) -> str:
        """What a page gives the browser as `applicationServerKey`: the uncompressed point in base64url."""
        return self._public

    def authorization(self, origin: str) -> bytes:
        """The Authorization header's value for this origin, e.g. `https://push.example.net` (RFC 8292 §3)."""
        token = self._tokens.get(origin)
        if token is None or token.renew_at <= self._now():
            token = self._renewed(origin)
        return token.header

    def _renewed(self, origin: str) -> _Token:
        with self._lock:
            token = self._tokens.get(origin)
            now = self._now()
            if token is not None and token.renew_at > now:
                return token
            if len(self._tokens) >= _MAX_ORIGINS:
                self._tokens.clear()
            self._tokens[origin] = token = self._signed(origin, expires=int(now) + _LIFETIME)
            return token

    def _signed(self, origin: str, *, expires: int) -> _Token:
        claims = {"aud": origin, "exp": expires, "sub": self._subject}
        unsigned = f"{_json({'typ': 'JWT', 'alg': 'ES256'})}.{_json(claims)}"
        r, s = utils.decode_dss_signature(self._key.sign(unsigned.encode(), ec.ECDSA(SHA256())))
        signature = _base64url(r.to_bytes(32) + s.to_bytes(32))
        header = f"vapid t={unsigned}.{signature}, k={self._public}".encode()
        return _Token(header, renew_at=expires - _RENEW_BEFORE)


def _json(value: dict[str, object]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
