"""Owns the question whether a campaign is the caller's; the answer is campaigns', given to the caller himself.

Never keeps it: a campaign may be deleted the next moment.
"""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from carillon.campaigns.v1.campaigns_pb2 import Campaign
from carillon.campaigns.v1.campaigns_service_pb2 import GetCampaignRequest
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub

from services import names
from services.runtime.errors import NotFound


@dataclass(frozen=True, slots=True)
class KnownCampaign:
    """A campaign of the caller's."""

    project: bytes
    id: bytes
    message: Campaign


class Campaigns:
    """Asks campaigns."""

    def __init__(self, campaigns: CampaignsServiceStub) -> None:
        self._campaigns = campaigns

    async def require(self, name: str, *, field: str = "name") -> KnownCampaign:
        """The campaign of this name, in any project where that is `-`. Raises NotFound."""
        names.split(name, "projects", "campaigns", field=field)
        try:
            message = await self._campaigns.GetCampaign(GetCampaignRequest(name=name))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise NotFound("CAMPAIGN_NOT_FOUND", "There is no such campaign.", field=field) from error
            raise
        project, campaign = names.split(message.name, "projects", "campaigns", field=field)
        assert project is not None and campaign is not None
        return KnownCampaign(project=project, id=campaign, message=message)
