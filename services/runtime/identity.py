"""Owns who is calling: the identity token that the gateway signs and every service verifies.

Never knows API keys or people's tokens: the gateway turns those into this. A token lives for a minute, names the
organization, the subject, the scopes, and the projects it is limited to.
"""

from __future__ import annotations

import contextvars
import time
from dataclasses import dataclass

import jwt

from services.runtime.errors import Forbidden, NotFound, Unauthenticated

METADATA_KEY = "x-carillon-identity"
AUDIENCE = "carillon-services"
LIFETIME_SECONDS = 60
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
    """Signs and verifies identity tokens with the installation's shared secret (HMAC SHA-256, RFC 7519)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, caller: Caller) -> str:
        """A token that is good for a minute."""
        claims = {
            "aud": AUDIENCE,
            "sub": caller.subject,
            "exp": int(time.time()) + LIFETIME_SECONDS,
            "org": caller.organization.hex(),
            "scopes": sorted(caller.scopes),
            "projects": sorted(project.hex() for project in caller.projects),
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def verify(self, token: str) -> Caller:
        """Who signed for it, or Unauthenticated."""
        try:
            claims = jwt.decode(
                token, self._secret, algorithms=["HS256"], audience=AUDIENCE, options={"require": ["exp", "sub", "aud"]}
            )
        except jwt.InvalidTokenError as error:
            raise Unauthenticated("IDENTITY_INVALID", "Call through the gateway, with a credential.") from error
        return Caller(
            organization=bytes.fromhex(claims.get("org", "")),
            subject=claims["sub"],
            scopes=frozenset(claims.get("scopes", ())),
            projects=frozenset(bytes.fromhex(project) for project in claims.get("projects", ())),
        )


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
