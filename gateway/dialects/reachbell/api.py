"""Owns ReachBell's methods: translate, call the core, translate back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.analytics.v1.analytics_service_pb2 import GetCampaignStatsRequest
from carillon.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from carillon.campaigns.v1 import campaigns_pb2 as core
from carillon.campaigns.v1.campaigns_service_pb2 import CreateCampaignRequest, GetCampaignRequest
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb
from carillon.dialects.reachbell.v1.campaigns_api_pb2_grpc import CampaignsServiceServicer
from google.api.httpbody_pb2 import HttpBody

from gateway import answers
from gateway.answers import Answers
from gateway.dialects.reachbell import events, translate
from gateway.dialects.reachbell.errors import render, reply_of
from gateway.dialects.reachbell.states import ENDED, UNLAUNCHED
from gateway.watches import Watches
from services.runtime.clock import Clock
from services.runtime.identity import current_caller

QUIET_SECONDS = 15.0
Context = Any

reachbell = Answers(reply_of=reply_of, render=render)


class CampaignsApi(CampaignsServiceServicer):
    """carillon.dialects.reachbell.v1.CampaignsService."""

    def __init__(
        self, *, campaigns: CampaignsServiceStub, analytics: AnalyticsServiceStub, watches: Watches, clock: Clock
    ) -> None:
        self._campaigns = campaigns
        self._analytics = analytics
        self._watches = watches
        self._clock = clock

    @reachbell.unary
    async def CreateCampaign(self, request: pb.CreateCampaignRequest, context: Context) -> pb.Campaign:
        """Create, and start or schedule where it says so."""
        parent = translate.project_name(request.project_id)
        campaign = translate.campaign_from(request, now=self._clock.now())
        made = await self._campaigns.CreateCampaign(CreateCampaignRequest(parent=parent, campaign=campaign))
        answer = translate.campaign_to(made, CampaignStats())
        await answers.created(context)
        return answer

    @reachbell.unary
    async def GetCampaign(self, request: pb.GetCampaignRequest, context: Context) -> pb.Campaign:
        """Answer a campaign."""
        campaign = await self._get(request.id)
        return translate.campaign_to(campaign, await self._numbers(campaign))

    @reachbell.stream
    async def StreamCampaign(self, request: pb.StreamCampaignRequest, context: Context) -> AsyncIterator[HttpBody]:
        """Stream progress until the campaign has ended."""
        campaign = await self._get(request.id)
        if campaign.state in ENDED and _last_event_id(context).startswith(events.LAST):
            await answers.no_content(context)
            return
        snapshots = self._watches.watch(
            tenant=current_caller().tenant(), campaign=campaign, quiet_seconds=QUIET_SECONDS
        )
        async for snapshot in snapshots:
            text = events.PING if snapshot is None else events.event(snapshot)
            yield HttpBody(content_type=events.CONTENT_TYPE, data=text)

    async def _get(self, campaign_id: str) -> core.Campaign:
        name = translate.campaign_name(campaign_id)
        campaign: core.Campaign = await self._campaigns.GetCampaign(GetCampaignRequest(name=name))
        return campaign

    async def _numbers(self, campaign: core.Campaign) -> CampaignStats:
        """Asked after the campaign: what is completed by then has its final numbers."""
        if campaign.state in UNLAUNCHED:
            return CampaignStats()
        try:
            numbers: CampaignStats = await self._analytics.GetCampaignStats(
                GetCampaignStatsRequest(name=campaign.name + "/stats")
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return CampaignStats()  # launched a moment ago; analytics has not heard of it yet
            raise
        return numbers


def _last_event_id(context: Context) -> str:
    metadata = dict(context.invocation_metadata() or ())
    return str(metadata.get("last-event-id", ""))
