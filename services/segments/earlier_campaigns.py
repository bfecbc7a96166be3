"""Owns the question whether the campaigns that a filter names are the caller's; the answer is campaigns'.

Never asked when a run starts: what was right at launch stays right, and nobody is calling then.
"""

from __future__ import annotations

import grpc
from carillon.campaigns.v1.campaigns_service_pb2 import GetCampaignRequest
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub

from services import names
from services.runtime.errors import NotFound
from services.segments.domain.filters import Filter, campaigns, check


class EarlierCampaigns:
    """Asks campaigns, as the caller."""

    def __init__(self, campaigns: CampaignsServiceStub) -> None:
        self._campaigns = campaigns

    async def require(self, project: bytes, tree: Filter, path: str) -> None:
        """NotFound unless each campaign in the tree is one of the project, in the caller's sight; Invalid where the
        tree cannot be at all."""
        check(tree, path)  # first: it says how many may be asked about
        for place, named in campaigns(tree, path):
            if named.project not in (None, project):
                raise NotFound("CAMPAIGN_NOT_FOUND", "There is no such campaign.", field=place)
            name = names.join(("projects", project), ("campaigns", named.campaign))
            try:
                await self._campaigns.GetCampaign(GetCampaignRequest(name=name))
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    raise NotFound("CAMPAIGN_NOT_FOUND", "There is no such campaign.", field=place) from error
                raise
