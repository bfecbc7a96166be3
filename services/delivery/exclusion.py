"""Owns who of a claim is not to be messaged, and why.

Never ends a message: the worker records it.
"""

from __future__ import annotations

from collections.abc import Sequence

from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL

from services.delivery import retry_repository, suppression_repository
from services.delivery.messages import RecipientColumns
from services.delivery.run_repository import RunRow
from services.runtime.database import Transaction

ALREADY_SENT = "ALREADY_SENT"


async def excluded(
    tx: Transaction, run: RunRow, recipients: RecipientColumns, positions: Sequence[int]
) -> dict[int, str]:
    """Position → reason, of those whose person does not want it, or at whose address nobody is."""
    people = [recipients.person(position) for position in positions]
    contacts = list(dict.fromkeys(contact for contact, _ in people))
    unwilling = await suppression_repository.suppressed(tx, tenant=run.tenant, contacts=contacts)
    found = {
        position: unwilling[person] for position, person in zip(positions, people, strict=True) if person in unwilling
    }
    return await _at_dead_addresses(tx, run, recipients, positions) | found


async def sent_after_all(
    tx: Transaction, run: RunRow, recipients: RecipientColumns, positions: Sequence[int]
) -> dict[int, str]:
    """Position → reason, of those of a retry run whose first message turned out to have been sent: late answers may
    come after the retry was asked for."""
    contacts = list(dict.fromkeys(recipients.contact(position) for position in positions))
    sent = await retry_repository.sent_after_all(tx, run.id, contacts=contacts)
    return {
        position: ALREADY_SENT
        for position in positions
        if (*recipients.person(position), recipients.endpoint(position)) in sent
    }


async def _at_dead_addresses(
    tx: Transaction, run: RunRow, recipients: RecipientColumns, positions: Sequence[int]
) -> dict[int, str]:
    addresses = {
        position: recipients.address(position).lower()
        for position in positions
        if recipients.channel(position) == CHANNEL_EMAIL
    }
    if not addresses:
        return {}
    dead = await suppression_repository.suppressed_addresses(
        tx, tenant=run.tenant, project=run.project, channel=CHANNEL_EMAIL, addresses=list(addresses.values())
    )
    return {position: dead[address] for position, address in addresses.items() if address in dead}
