"""Chunks, claims, answers: whatever a test of delivery needs and does not care about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from carillon.events.v1.audience_batches_pb2 import Recipients

from services.delivery.claim_repository import Claim
from services.delivery.run_repository import RunRow
from services.delivery.senders.sender import Answer, AnswerKind

PUSH = 1
RUN = RunRow(id=b"run" * 4, tenant=b"ten" * 4, project=b"pro" * 4, campaign=b"cam" * 4, fact=b"")


def numbered(word: bytes, number: int) -> bytes:
    """An id of 12 bytes that can be told from its neighbours."""
    return word.ljust(8, b".") + number.to_bytes(4)


def recipients(size: int, **changes: Any) -> bytes:
    """A chunk's columns, as segments writes them."""
    columns = {
        "contacts": b"".join(numbered(b"contact", index) for index in range(size)),
        "endpoints": b"".join(numbered(b"endpoint", index) for index in range(size)),
        "channels": [PUSH],
        "addresses": [f"https://push.example/{index}" for index in range(size)],
        "p256dh": b"".join(bytes([index % 256]) * 65 for index in range(size)),
        "auths": b"".join(bytes([index % 256]) * 16 for index in range(size)),
    }
    return Recipients(**columns | changes).SerializeToString()


def a_claim(size: int = 10, **changes: Any) -> Claim:
    whole = Claim(
        id=1,
        run=RUN.id,
        batch=0,
        positions=list(range(size)),
        attempt=0,
        doubtful=False,
        version=0,
        recipients=recipients(size),
    )
    return replace(whole, **changes)


def an_answer(position: int, kind: AnswerKind, **changes: Any) -> Answer:
    return replace(Answer(position=position, kind=kind, code=201, reason="", at=1_700_000_000.0), **changes)
