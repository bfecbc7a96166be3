"""Owns ReachBell's methods: translate, call the core, translate back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from carillon.campaigns.v1 import campaigns_pb2 as core
from carillon.campaigns.v1 import campaigns_service_pb2 as service
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb
from carillon.dialects.reachbell.v1.campaigns_api_pb2_grpc import CampaignsServiceServicer
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from gateway import answers, core_errors
from gateway.answers import Answers
from gateway.dialects.reachbell import events, export, listing, patches, translate
from gateway.dialects.reachbell.errors import render, reply_of
from gateway.dialects.reachbell.states import ENDED
from gateway.idempotency import forwarded_key
from gateway.numbers import NOTHING, Numbers
from gateway.watches import Watches
from services.runtime.errors import DomainError
from services.runtime.identity import current_caller

QUIET_SECONDS = 15.0
PATCH_ATTEMPTS = 5
# Said by StartCampaign where the campaign is to be sent again, or where this key has sent it again already.
SENT_BEFORE = ("CAMPAIGN_NOT_STARTABLE", "IDEMPOTENCY_KEY_REUSED")
Context = Any

reachbell = Answers(reply_of=reply_of, render=render)


class CampaignsApi(CampaignsServiceServicer):
    """carillon.dialects.reachbell.v1.CampaignsService."""

    def __init__(self, *, campaigns: CampaignsServiceStub, numbers: Numbers, watches: Watches) -> None:
        self._campaigns = campaigns
        self._numbers = numbers
        self._watches = watches

    @reachbell.unary
    async def CreateCampaign(self, request: pb.CreateCampaignRequest, context: Context) -> pb.Campaign:
        """Create, and start or schedule where it says so."""
        parent = translate.project_name(request.project_id)
        asked = service.CreateCampaignRequest(parent=parent, campaign=translate.campaign_from(request))
        made = await self._campaigns.CreateCampaign(asked, metadata=forwarded_key(context, request))
        answer = translate.campaign_to(made, NOTHING)
        await answers.created(context)
        return answer

    @reachbell.unary
    async def ListCampaigns(self, request: pb.ListCampaignsRequest, context: Context) -> pb.ListCampaignsResponse:
        """Answer a page, newest first."""
        found = await self._campaigns.ListCampaigns(listing.list_from(request))
        return listing.list_to(request, found, await self._numbers.of(found.campaigns))

    @reachbell.unary
    async def GetCampaign(self, request: pb.GetCampaignRequest, context: Context) -> pb.Campaign:
        """Answer a campaign."""
        campaign = await self._get(request.id)
        (numbers,) = await self._numbers.of([campaign])
        return translate.campaign_to(campaign, numbers)

    @reachbell.unary
    async def UpdateCampaign(self, request: pb.UpdateCampaignRequest, context: Context) -> pb.Campaign:
        """Change a draft, and start or schedule it where the patch says so."""
        patch = patches.read(request.patch.data)
        for attempt in range(1, PATCH_ATTEMPTS + 1):
            update = patches.update_from(await self._get(request.id), patch)
            try:
                return translate.campaign_to(await self._campaigns.UpdateCampaign(update), NOTHING)
            except grpc.aio.AioRpcError as error:
                if core_errors.read(error).reason != "CAMPAIGN_CHANGED" or attempt == PATCH_ATTEMPTS:
                    raise
        raise AssertionError("the last attempt answers or raises")

    @reachbell.unary
    async def DeleteCampaign(self, request: pb.DeleteCampaignRequest, context: Context) -> Empty:
        """Delete."""
        name = translate.campaign_name(request.id)
        await self._campaigns.DeleteCampaign(service.DeleteCampaignRequest(name=name))
        await answers.no_content(context)
        return Empty()

    @reachbell.unary
    async def SendCampaign(self, request: pb.SendCampaignRequest, context: Context) -> pb.Campaign:
        """Start what has not started; send what has ended again."""
        key = forwarded_key(context, request)
        try:
            campaign = await self._get(request.id)
        except grpc.aio.AioRpcError as error:
            if not key or error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return await self._send(translate.unread_sending(request), key, context)  # deleted since this key sent it
        return await self._send(translate.sending_of(request, campaign), key, context)

    async def _send(self, sending: translate.Sending, key: Sequence[tuple[str, str]], context: Context) -> pb.Campaign:
        try:
            return translate.campaign_to(await self._campaigns.StartCampaign(sending.start, metadata=key), NOTHING)
        except grpc.aio.AioRpcError as error:
            # What had not started has been started by somebody else: nobody meant to send it twice.
            if sending.is_unlaunched or core_errors.read(error).reason not in SENT_BEFORE:
                raise
        answer = translate.campaign_to(await self._campaigns.ResendCampaign(sending.again, metadata=key), NOTHING)
        await answers.created(context)
        return answer

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

    @reachbell.stream
    async def ExportCampaigns(self, request: pb.ExportCampaignsRequest, context: Context) -> AsyncIterator[HttpBody]:
        """Stream every campaign, a page at a time."""
        asked = export.list_from(request)
        text = export.head()
        try:
            async for page in self._pages(asked):
                text += export.rows(page, await self._numbers.of(page))
                if not asked.page_token:
                    await answers.attached(context, export.disposition(asked))
                yield HttpBody(content_type=export.CONTENT_TYPE, data=text)
                text = b""
        except (grpc.aio.AioRpcError, DomainError):
            if not asked.page_token:
                raise
            yield HttpBody(content_type=export.CONTENT_TYPE, data=export.BROKEN_OFF)

    async def _pages(self, asked: service.ListCampaignsRequest) -> AsyncIterator[Sequence[core.Campaign]]:
        """Page after page, smaller ones where one is more than a call carries."""
        while True:
            try:
                found = await self._campaigns.ListCampaigns(asked)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED or asked.page_size == 1:
                    raise
                asked.page_size //= 2
                continue
            yield found.campaigns
            if not found.next_page_token:
                return
            asked.page_token = found.next_page_token

    async def _get(self, campaign_id: str) -> core.Campaign:
        name = translate.campaign_name(campaign_id)
        campaign: core.Campaign = await self._campaigns.GetCampaign(service.GetCampaignRequest(name=name))
        return campaign


def _last_event_id(context: Context) -> str:
    metadata = dict(context.invocation_metadata() or ())
    return str(metadata.get("last-event-id", ""))
