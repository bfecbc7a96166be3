"""Owns the proof of who pushes: a VAPID Authorization is really verified (RFC 8292), once per token.

Never restricts a subscription to one application server: the sandbox's browsers take pushes from anybody who signs.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

_HEADER = re.compile(rb"vapid\s+t=([A-Za-z0-9_.-]+)\s*,\s*k=([A-Za-z0-9_-]+)\s*", re.IGNORECASE)
_HEADER_REVERSED = re.compile(rb"vapid\s+k=([A-Za-z0-9_-]+)\s*,\s*t=([A-Za-z0-9_.-]+)\s*", re.IGNORECASE)
_MAX_LIFETIME = 24 * 3600  # seconds, RFC 8292 §2
_LEEWAY = 60
_MAX_REMEMBERED = 1_000


class VapidRefused(Exception):
    """Raised where the header is no VAPID authorization for this origin now; the text says why."""


class VapidVerifier:
    """Remembers until when each verified header is good, so that a push costs a look-up and not a signature."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._good_until: dict[tuple[bytes, str], float] = {}

    def verify(self, authorization: bytes, *, origin: str) -> None:
        """Raises VapidRefused."""
        known = (authorization, origin)
        if self._good_until.get(known, 0.0) > self._now():
            return
        expires = self._expiry(authorization, origin)
        if len(self._good_until) >= _MAX_REMEMBERED:
            self._good_until.clear()
        self._good_until[known] = expires

    def _expiry(self, authorization: bytes, origin: str) -> float:
        token, key = _parts(authorization)
        try:
            claims = jwt.decode(
                token,
                _public_key(key),
                algorithms=["ES256"],
                audience=origin,
                options={"require": ["aud", "exp"], "verify_exp": False},
            )
            expires = float(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError) as problem:
            raise VapidRefused(str(problem)) from None
        if not self._now() < expires <= self._now() + _MAX_LIFETIME + _LEEWAY:
            raise VapidRefused("exp is past, or more than 24 hours ahead")
        return expires


def _parts(authorization: bytes) -> tuple[str, str]:
    if found := _HEADER.fullmatch(authorization):
        return found[1].decode(), found[2].decode()
    if found := _HEADER_REVERSED.fullmatch(authorization):
        return found[2].decode(), found[1].decode()
    raise VapidRefused("not of the form: vapid t=…, k=…")


def _public_key(encoded: str) -> ec.EllipticCurvePublicKey:
    raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
