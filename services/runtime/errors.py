"""Owns the errors that a domain may raise; each has a kind (what a client can do) and a reason (what it was).

Never knows a transport: interceptors.py turns them into gRPC statuses, once.

    DomainError
    ├── Invalid          raised when a request can never work as it is; names the field
    ├── NotFound         raised when it is not there, or is another tenant's
    ├── Conflict         raised when the state forbids it now
    ├── Unauthenticated  raised when nobody trustworthy is calling
    ├── Forbidden        raised when the caller may not
    ├── Exhausted        raised when a limit is reached
    └── Unavailable      raised when a part is down and nothing was changed; try again
"""

from __future__ import annotations

from collections.abc import Mapping


class DomainError(Exception):
    """A refusal with a reason in UPPER_SNAKE, a sentence for people, and the path of the field at fault, if one is."""

    def __init__(
        self, reason: str, message: str, *, field: str = "", metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.metadata = dict(metadata or {})


class Invalid(DomainError):
    """The request can never work as it is."""


class NotFound(DomainError):
    """It is not there, or is another tenant's: the two are the same to a caller."""


class Conflict(DomainError):
    """The state forbids it now."""


class Unauthenticated(DomainError):
    """Nobody trustworthy is calling."""


class Forbidden(DomainError):
    """The caller is known and may not."""


class Exhausted(DomainError):
    """A limit is reached."""


class Unavailable(DomainError):
    """A part is down and nothing was changed."""
