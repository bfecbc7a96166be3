"""Owns asking for the numbers of campaigns that a dialect is about to show.

Never counts: what has not been launched has none, all else analytics knows.
"""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.analytics.v1.analytics_service_pb2 import BatchGetCampaignStatsRequest
from carillon.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from carillon.campaigns.v1.campaigns_pb2 import Campaign

from services import names

NOTHING = CampaignStats()
UNLAUNCHED = frozenset({Campaign.STATE_DRAFT, Campaign.STATE_SCHEDULED})


class Numbers:
    """The numbers of campaigns."""

    def __init__(self, analytics: AnalyticsServiceStub) -> None:
        self._analytics = analytics

    async def of(self, campaigns: Sequence[Campaign]) -> list[CampaignStats]:
        """Those of at most 1,000 campaigns of the caller, in their order.

        Ask after the campaigns were read: what was completed by then has its final numbers.
        """
        launched = [campaign for campaign in campaigns if campaign.state not in UNLAUNCHED]
        found = iter(await self._ask(launched) if launched else ())
        return [NOTHING if campaign.state in UNLAUNCHED else next(found) for campaign in campaigns]

    async def _ask(self, launched: Sequence[Campaign]) -> list[CampaignStats]:
        asked = BatchGetCampaignStatsRequest(
            parent=f"projects/{names.ANY_PROJECT}", names=[f"{campaign.name}/stats" for campaign in launched]
        )
        try:
            return list((await self._analytics.BatchGetCampaignStats(asked)).stats)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
        if len(launched) == 1:
            return [NOTHING]  # deleted since it was read
        return [numbers for campaign in launched for numbers in await self._ask([campaign])]
