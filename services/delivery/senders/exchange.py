"""Owns the contract between a channel and the connections that carry its calls: one request, and what became of it.

Never says what a status means.
"""

from __future__ import annotations

from typing import Protocol


class Exchange(Protocol):
    """One request and what became of it: exactly one of the last five is called, once."""

    request: bytes  # head and body

    def may_start(self) -> bool:
        """Asked immediately before the request's only write."""
        ...

    def answered(self, status: int, retry_after: str, body: bytes | None) -> None:
        """The final status, the Retry-After header's value, empty where there is none, and the answer's body, None
        where not all of it came."""
        ...

    def unanswered(self, reason: str) -> None:
        """Bytes left; the connection broke or the time ran out before a status came."""
        ...

    def failed(self, reason: str) -> None:
        """No byte left."""
        ...

    def refused(self, reason: str) -> None:
        """No byte left, and none may: the destination is forbidden."""
        ...

    def not_started(self) -> None:
        """`may_start` said no, or the pool was closed; no byte left."""
        ...
