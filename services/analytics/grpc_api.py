"""Owns the public methods of AnalyticsService: read, do, answer.

Never holds a rule. A campaign that this service has not met is asked for at campaigns, as the caller: only there is it
known whether it exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from carillon.analytics.v1 import analytics_service_pb2 as service
from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceServicer
from carillon.campaigns.v1.campaigns_pb2 import Campaign
from carillon.campaigns.v1.campaigns_service_pb2 import GetCampaignRequest
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub

from services import names
from services.analytics import repository
from services.analytics.domain.snapshot import Snapshot
from services.analytics.messages import write_stats
from services.analytics.watching import Watches
from services.runtime.database import Database
from services.runtime.errors import Invalid, NotFound
from services.runtime.identity import Caller, current_caller

SUFFIX = "/stats"
MAX_BATCH = 1000
ASKED_AT_ONCE = 16
FIRST_REVISION = 0  # of what campaigns answers: any event is newer
FINAL = (Campaign.STATE_COMPLETED, Campaign.STATE_FAILED, Campaign.STATE_ARCHIVED)  # a cancelled one may still settle

Asked = tuple[bytes | None, bytes]  # project, None for any; campaign


class AnalyticsApi(AnalyticsServiceServicer):
    """Numbers for a tenant's own programs."""

    def __init__(self, *, database: Database, campaigns: CampaignsServiceStub, watches: Watches) -> None:
        self._database = database
        self._campaigns = campaigns
        self._watches = watches

    async def GetCampaignStats(self, request: service.GetCampaignStatsRequest, context: Any) -> CampaignStats:
        """Answer a campaign's numbers."""
        (snapshot,) = await self._snapshots(current_caller(), [read_stats_name(request.name)])
        return write_stats(snapshot)

    async def BatchGetCampaignStats(
        self, request: service.BatchGetCampaignStatsRequest, context: Any
    ) -> service.BatchGetCampaignStatsResponse:
        """Answer the numbers of many campaigns, in the order asked."""
        (parent,) = names.split(request.parent, "projects", field="parent")
        asked = [read_stats_name(name, field=f"names[{index}]") for index, name in enumerate(request.names)]
        if not 1 <= len(asked) <= MAX_BATCH:
            raise Invalid("NAMES_OUT_OF_RANGE", f"A request has 1 to {MAX_BATCH} names.", field="names")
        for index, (project, _) in enumerate(asked):
            if None not in (parent, project) and project != parent:
                raise Invalid("NAME_OF_OTHER_PARENT", "The name is not of `parent`.", field=f"names[{index}]")
        snapshots = await self._snapshots(current_caller(), [(parent or project, item) for project, item in asked])
        return service.BatchGetCampaignStatsResponse(stats=[write_stats(snapshot) for snapshot in snapshots])

    async def WatchCampaign(self, request: service.WatchCampaignRequest, context: Any) -> AsyncIterator[CampaignStats]:
        """Stream a campaign's numbers until they are final."""
        project, campaign = names.split(request.name, "projects", "campaigns")
        assert campaign is not None
        (first,) = await self._snapshots(current_caller(), [(project, campaign)])
        async for snapshot in self._watches.follow(first):
            yield write_stats(snapshot)

    async def _snapshots(self, caller: Caller, asked: Sequence[Asked]) -> list[Snapshot]:
        """One for each, in order; NotFound unless all of them are the caller's."""
        caller.tenant()
        found = await self._read(asked)
        missing = [item for item in dict.fromkeys(asked) if item[1] not in found]
        if missing:
            await self._adopt(caller, missing)
            found |= await self._read(missing)
        return [_permitted(caller, found.get(campaign), project) for project, campaign in asked]

    async def _read(self, asked: Sequence[Asked]) -> dict[bytes, Snapshot]:
        campaigns = [campaign for _, campaign in asked]
        return await self._database.read(lambda tx: repository.read_snapshots(tx, campaigns))

    async def _adopt(self, caller: Caller, asked: Sequence[Asked]) -> None:
        """Learn of campaigns whose events are still on their way."""
        places = asyncio.Semaphore(ASKED_AT_ONCE)

        async def adopt(project: bytes | None, campaign: bytes) -> None:
            async with places:
                answer: Campaign = await self._campaigns.GetCampaign(
                    GetCampaignRequest(name=write_campaign_name(project, campaign))
                )
            owner, _ = names.split(answer.name, "projects", "campaigns")
            assert owner is not None
            await self._database.transaction(
                lambda tx: repository.put_campaign(
                    tx,
                    campaign=campaign,
                    tenant=caller.tenant(),
                    project=owner,
                    state=answer.state,
                    queued=answer.queued_message_count,
                    revision=FIRST_REVISION,
                    final=answer.state in FINAL,
                )
            )

        await asyncio.gather(*(adopt(project, campaign) for project, campaign in asked))


def _permitted(caller: Caller, snapshot: Snapshot | None, project: bytes | None) -> Snapshot:
    if (
        snapshot is None
        or snapshot.tenant != caller.tenant()
        or project not in (None, snapshot.project)
        or not caller.may_use(snapshot.project)
    ):
        raise NotFound("CAMPAIGN_NOT_FOUND", "There is no such campaign.", field="name")
    return snapshot


def read_stats_name(name: str, *, field: str = "name") -> Asked:
    """The project and the campaign in `projects/proj_…/campaigns/cmp_…/stats`."""
    if not name.endswith(SUFFIX):
        raise NotFound("CAMPAIGN_NOT_FOUND", "There is no such campaign.", field=field)
    project, campaign = names.split(name.removesuffix(SUFFIX), "projects", "campaigns", field=field)
    assert campaign is not None
    return project, campaign


def write_campaign_name(project: bytes | None, campaign: bytes) -> str:
    """`projects/-/campaigns/cmp_…` where the project is not known."""
    if project is None:
        return f"projects/{names.ANY_PROJECT}/campaigns/{names.spell('campaigns', campaign)}"
    return names.join(("projects", project), ("campaigns", campaign))
