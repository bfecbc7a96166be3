"""Owns reading single messages, wherever they stand: due, claimed or final.

Never changes one.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.delivery.domain.links import MessagePlace
from services.delivery.messages import RecipientColumns
from services.runtime.database import Transaction

# The columns of the chunk are read only where there is no outcome yet.
RECIPIENT = """
SELECT r.tenant, r.project, o.contact, o.channel, CASE WHEN o.run IS NULL THEN c.recipients END AS recipients
  FROM run r JOIN chunk c ON c.run = r.id AND c.batch = $2 AND $3 < c.size
  LEFT JOIN outcome o ON o.run = r.id AND o.batch = $2 AND o.position = $3
 WHERE r.id = $1
"""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who a message is for."""

    tenant: bytes
    project: bytes
    contact: bytes
    channel: int


async def find_recipient(tx: Transaction, place: MessagePlace) -> Recipient | None:
    """Who the message at this place is for; None where there is no such message, or nobody knows any more."""
    row = await tx.raw.fetchrow(RECIPIENT, place.run, place.batch, place.position)
    if row is None:
        return None
    if row["contact"] is not None:
        return Recipient(row["tenant"], row["project"], row["contact"], row["channel"])
    if row["recipients"] is None:
        return None
    columns = RecipientColumns(row["recipients"])
    return Recipient(row["tenant"], row["project"], *columns.person(place.position))
