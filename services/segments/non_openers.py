"""Owns the people who did nothing with an earlier campaign: fetched from analytics, put beside one transaction's query.

Never keeps them: the table is the transaction's own and goes with it. Never holds more of them than one page.
"""

from __future__ import annotations

import grpc
from carillon.feeds.v1.recipient_feed_service_pb2 import StreamNonOpenersRequest
from carillon.feeds.v1.recipient_feed_service_pb2_grpc import RecipientFeedServiceStub

from services.runtime import ids
from services.runtime.database import Transaction
from services.runtime.errors import Unavailable
from services.segments.domain.filters import Filter, campaigns

TABLE = "non_opener"
STREAM_SECONDS = 120.0
MAKE = """
CREATE TEMPORARY TABLE non_opener (campaign bytea, contact bytea, PRIMARY KEY (campaign, contact)) ON COMMIT DROP
"""


class NonOpeners:
    """Asks analytics."""

    def __init__(self, recipients: RecipientFeedServiceStub) -> None:
        self._recipients = recipients

    async def put_beside(self, tx: Transaction, *, tenant: bytes, tree: Filter) -> None:
        """Make what `compile_filter` refers to, where the tree names a campaign. Raises Unavailable."""
        wanted = sorted({named.campaign for _, named in campaigns(tree, "")})
        if not wanted:
            return
        await tx.raw.execute(MAKE)
        try:
            for campaign in wanted:
                await self._copy(tx, tenant, campaign)
        except grpc.aio.AioRpcError as error:
            raise Unavailable("PEER_UNAVAILABLE", "A part is restarting; try again.") from error

    async def _copy(self, tx: Transaction, tenant: bytes, campaign: bytes) -> None:
        request = StreamNonOpenersRequest(tenant=tenant, campaign=campaign)
        async for answer in self._recipients.StreamNonOpeners(request, timeout=STREAM_SECONDS):
            raw = answer.contacts
            people = (raw[start : start + ids.SIZE] for start in range(0, len(raw), ids.SIZE))
            await tx.raw.copy_records_to_table(
                TABLE, schema_name="pg_temp", records=[(campaign, contact) for contact in people]
            )
