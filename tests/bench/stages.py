"""Owns what each stage of a message's way takes by itself, beside the figure that the design was made with.

Never a whole campaign: the other parts measure those.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
from carillon.events.v1.message_outcomes_pb2 import OutcomeBatch
from carillon.segments.v1.filter_pb2 import Filter
from carillon.segments.v1.segments_pb2 import CHANNEL_HTTP
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services import columns_as_text
from services.analytics.messages import read_outcomes
from services.delivery import messages
from services.delivery.outcome_repository import STORE_BLOCK, OutcomeBlock
from services.delivery.senders.push_encryption import encrypt
from services.email_templates import EmailTemplate
from services.runtime import ids
from services.segments.audience_repository import STREAM
from services.segments.filter_messages import read_filter
from services.segments.walk_sql import NO_ENDPOINT, compile_walk
from tests.bench import email_sending
from tests.bench.channel_campaigns import TEMPLATE
from tools.workspace import Workspace

ROWS = 2_000  # in one go
ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Stage:
    """µs a message, and those that the design counts with."""

    what: str
    microseconds: float
    planned: float


async def measure(described: Mapping[str, Any], workspace: Workspace) -> list[Stage]:
    """All stages; the workspace has people to walk over."""
    connection = await asyncpg.connect(described["postgres"])
    try:
        return [
            Stage("reading contacts", await _reading(connection, workspace), 3.2),
            Stage("storing outcomes", await _storing(connection), 10.0),
            Stage("outcomes to the wire and back", _on_the_wire(), 0.10),
            Stage("rendering a text", _rendering() / 3, 2.7),
            Stage("making a message of MIME", email_sending.message_cost()[1], 27.0),
            Stage("encrypting a push, fresh key", _encrypting(), 140.0),
        ]
    finally:
        await connection.close()


async def _reading(connection: asyncpg.Connection, workspace: Workspace) -> float:
    everybody = read_filter(Filter(), "filter")
    statement, parameters = compile_walk(channels=[CHANNEL_HTTP], tree=everybody, fields=["country"], keys=[[]])
    behind = (bytes(ids.SIZE), 0, NO_ENDPOINT)
    whose = ids.parse("org", workspace.organization), ids.parse("proj", workspace.project)
    await connection.execute("SET search_path = segments")
    read, began = 0, time.perf_counter()
    async with connection.transaction():
        await connection.execute(STREAM)
        cursor = await connection.cursor(statement, *whose, *behind, *parameters)
        while rows := await cursor.fetch(ROWS):
            read += len(rows)
    return (time.perf_counter() - began) / read * 1e6


async def _storing(connection: asyncpg.Connection) -> float:
    await connection.execute("CREATE TABLE delivery.bench (LIKE delivery.outcome_block INCLUDING ALL)")
    store, block = STORE_BLOCK.replace("INTO outcome_block", "INTO delivery.bench"), _block()
    place, columns = (0, block.first, block.size, block.channel), (block.contacts, block.endpoints)

    async def once() -> None:
        run, at = os.urandom(ids.SIZE), columns_as_text.array(block.final_at)
        await connection.execute(store, run, *place, *columns, block.code, block.attempts, block.repeated, at)

    try:
        return await _median(once)
    finally:
        await connection.execute("DROP TABLE delivery.bench")


def _on_the_wire() -> float:
    block, whose = _block(), os.urandom(ids.SIZE)

    def once() -> None:
        batch = messages.outcome_batch(tenant=whose, campaign=whose, run=whose, batch=0, rows=[], blocks=[block])
        read = read_outcomes(OutcomeBatch.FromString(batch.SerializeToString()))
        assert len(read.positions) == len(read.times) == ROWS

    return _median_of(once, ROWS)


def _rendering() -> float:
    template = EmailTemplate(**{part: TEMPLATE[part] for part in ("subject", "text", "html")}, path="template")
    return _median_of(lambda: template.render({"external_id": "person-1", "plan": "pro"}), 1)


def _encrypting() -> float:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    p256dh, auth = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint), os.urandom(16)
    return _median_of(lambda: encrypt(bytes(300), p256dh=p256dh, auth=auth), 1)


def _block() -> OutcomeBlock:
    return OutcomeBlock(
        first=0,
        size=ROWS,
        contacts=os.urandom(ROWS * ids.SIZE),
        endpoints=b"",
        channel=CHANNEL_HTTP,
        code=200,
        attempts=1,
        repeated=False,
        final_at=[1_790_000_000_000_000 + number for number in range(ROWS)],
    )


def _median_of(once: Callable[[], object], messages_in_one: int) -> float:
    spent = []
    for _ in range(ROUNDS * 10):
        began = time.perf_counter()
        once()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent) / messages_in_one * 1e6


async def _median(once: Callable[[], Awaitable[None]]) -> float:
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await once()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent) / ROWS * 1e6
