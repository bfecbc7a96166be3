"""Owns who is calling: the identity token that the gateway signs and every service verifies.

Never knows API keys or people's tokens: the gateway turns those into this. A token lives for a minute, names the
organization, the subject, the scopes, and the projects it is limited to.
"""

from __future__ import annotations

import contextvars
import time
from dataclasses import dataclass
from typing import TypeVar

import jwt

from services.runtime.errors import Forbidden, NotFound, Unauthenticated

Key = TypeVar("Key")
Value = TypeVar("Value")

METADATA_KEY = "x-carillon-identity"
AUDIENCE = "carillon-services"
LIFETIME_SECONDS = 60
SIGNED_AGAIN_AFTER = 20  # seconds for which a caller's calls carry one token
REMEMBERED = 1_000
SERVICE_SUBJECT = "service:"
OPERATOR_SCOPE = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. `organization` is empty for the operator and for a service's own work on all tenants."""

    organization: bytes
    subject: str
    scopes: frozenset[str] = frozenset()
    projects: frozenset[bytes] = frozenset()  # empty: all of the organization's

    @property
    def is_service(self) -> bool:
        """Whether this is one of our own processes."""
        return self.subject.startswith(SERVICE_SUBJECT)

    @property
    def is_operator(self) -> bool:
        """Whether this is whoever runs the installation."""
        return OPERATOR_SCOPE in self.scopes

    def tenant(self) -> bytes:
        """The organization, or Forbidden where the caller belongs to none."""
        if not self.organization:
            raise Forbidden("ORGANIZATION_REQUIRED", "Call with a credential of an organization.")
        return self.organization

    def may_use(self, project: bytes) -> bool:
        """Whether the credential is not limited to other projects."""
        return not self.projects or project in self.projects

    def require_project(self, project: bytes) -> None:
        """NotFound where the credential is limited to other projects."""
        if not self.may_use(project):
            raise NotFound("PROJECT_NOT_FOUND", "There is no such project.", field="parent")


class IdentityTokens:
    """Signs and verifies identity tokens with the installation's shared secret (HMAC SHA-256, RFC 7519).

    A caller's next calls carry the same token for a while, so that it is signed, and verified, once. What a token says
    does not change, and whoever asks for one has just looked at the credential.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._signed: dict[Caller, tuple[float, str]] = {}
        self._verified: dict[str, tuple[float, Caller]] = {}

    def sign(self, caller: Caller) -> str:
        """A token that is good for forty seconds at least."""
        now = time.time()
        signed_at, token = self._signed.get(caller, (0.0, ""))
        if not 0 <= now - signed_at < SIGNED_AGAIN_AFTER:
            token = self._sign(caller, expires=int(now) + LIFETIME_SECONDS)
            _remember(self._signed, caller, (now, token))
        return token

    def verify(self, token: str) -> Caller:
        """Who signed for it, or Unauthenticated."""
        expires, caller = self._verified.get(token, (0.0, None))
        if caller is None or time.time() >= expires:
            expires, caller = self._verify(token)
            _remember(self._verified, token, (expires, caller))
        return caller

    def _sign(self, caller: Caller, *, expires: int) -> str:
        claims = {
            "aud": AUDIENCE,
            "sub": caller.subject,
            "exp": expires,
            "org": caller.organization.hex(),
            "scopes": sorted(caller.scopes),
            "projects": sorted(project.hex() for project in caller.projects),
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def _verify(self, token: str) -> tuple[float, Caller]:
        try:
            claims = jwt.decode(
                token, self._secret, algorithms=["HS256"], audience=AUDIENCE, options={"require": ["exp", "sub", "aud"]}
            )
        except jwt.InvalidTokenError as error:
            raise Unauthenticated("IDENTITY_INVALID", "Call through the gateway, with a credential.") from error
        return float(claims["exp"]), Caller(
            organization=bytes.fromhex(claims.get("org", "")),
            subject=claims["sub"],
            scopes=frozenset(claims.get("scopes", ())),
            projects=frozenset(bytes.fromhex(project) for project in claims.get("projects", ())),
        )


def _remember(known: dict[Key, Value], key: Key, value: Value) -> None:
    if len(known) >= REMEMBERED:
        known.clear()
    known[key] = value


_current: contextvars.ContextVar[Caller] = contextvars.ContextVar("caller")


def bind_caller(caller: Caller) -> None:
    """Make this the caller of the work that runs in the current context."""
    _current.set(caller)


def current_caller() -> Caller:
    """The verified caller of the current call; Unauthenticated outside of one."""
    try:
        return _current.get()
    except LookupError as error:
        raise Unauthenticated("IDENTITY_MISSING", "Call through the gateway, with a credential.") from error
