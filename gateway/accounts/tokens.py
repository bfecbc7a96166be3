"""Owns people's tokens: signs ours, and tells whose any token is (RFC 7519, EdDSA by RFC 8037).

Two issuers at most: ourselves, and one whose keys are published as a JWKS. Never accepts a token without `exp`, an
algorithm that its issuer does not use, or `none`.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.runtime import ids
from services.runtime.errors import Unauthenticated, Unavailable

OUR_ALGORITHM = "EdDSA"
THEIR_ALGORITHMS = ("RS256", "ES256", "EdDSA")
REQUIRED_CLAIMS = ["exp", "iss", "sub"]
JWKS_SECONDS = 5
LONGEST = 8192


@dataclass(frozen=True, slots=True)
class Person:
    """Who a token speaks for."""

    subject: str
    organizations: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Published:
    """An issuer that publishes its keys."""

    issuer: str  # its `iss`
    url: str  # of its JWKS
    audience: str = ""  # the `aud` its tokens must carry; any where empty


def _refused() -> Unauthenticated:
    return Unauthenticated("TOKEN_INVALID", "This token is not valid.")


class Tokens:
    """Signs and verifies."""

    def __init__(self, *, seed: bytes, issuer: str, published: Published | None = None) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key()
        self._issuer = issuer
        self._published = published
        self._jwks = jwt.PyJWKClient(published.url, timeout=JWKS_SECONDS) if published else None

    def sign(self, *, subject: str, organization: bytes, now: datetime.datetime, expires: datetime.datetime) -> str:
        """A token of ours for a person of one organization."""
        claims = {
            "iss": self._issuer,
            "sub": subject,
            "orgs": [ids.spell("org", organization)],
            "iat": int(now.timestamp()),
            "exp": int(expires.timestamp()),
        }
        return jwt.encode(claims, self._key, algorithm=OUR_ALGORITHM)

    async def verify(self, token: str) -> Person:
        """Whose it is. Raises Unauthenticated, or Unavailable where the issuer's keys cannot be read."""
        if len(token) > LONGEST:
            raise _refused()
        try:
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
            if issuer == self._issuer:
                return _person(self._decode_ours(token))
            if self._published and issuer == self._published.issuer:
                return _person(await asyncio.to_thread(self._decode_theirs, token, self._published))
        except jwt.PyJWKClientConnectionError as error:
            raise Unavailable("ISSUER_UNAVAILABLE", "The token's issuer does not answer; try again.") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise _refused() from error
        raise _refused()

    def _decode_ours(self, token: str) -> Mapping[str, Any]:
        return jwt.decode(
            token,
            self._public,
            algorithms=[OUR_ALGORITHM],
            issuer=self._issuer,
            options={"require": REQUIRED_CLAIMS, "verify_aud": False},
        )

    def _decode_theirs(self, token: str, published: Published) -> Mapping[str, Any]:
        assert self._jwks is not None
        return jwt.decode(
            token,
            self._jwks.get_signing_key_from_jwt(token).key,
            algorithms=THEIR_ALGORITHMS,
            issuer=published.issuer,
            audience=published.audience or None,
            options={"require": REQUIRED_CLAIMS, "verify_aud": bool(published.audience)},
        )


def _person(claims: Mapping[str, Any]) -> Person:
    spelled = claims.get("orgs")
    if not isinstance(spelled, list) or not all(isinstance(item, str) for item in spelled):
        raise _refused()
    found = (ids.parse("org", item) for item in spelled)
    return Person(subject=str(claims["sub"]), organizations=frozenset(item for item in found if item))
