"""Owns the gRPC side: read the request, do it, answer.

Never holds a rule of the domain.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from carillon.campaigns.v1 import campaigns_pb2 as pb
from carillon.campaigns.v1 import campaigns_service_pb2 as api
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceServicer
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle
from carillon.feeds.v1 import run_feed_service_pb2 as feed
from carillon.feeds.v1.run_feed_service_pb2_grpc import RunFeedServiceServicer
from google.protobuf.empty_pb2 import Empty

from services import names
from services.campaigns import messages, repository
from services.campaigns.commands import Commands
from services.campaigns.domain.campaign import CHANGED, Campaign, Definition, Standing, State, Step, check_etag
from services.campaigns.editing import masked, merged, sent_again
from services.campaigns.paging import MOST_PER_PAGE, page_token, read_page
from services.campaigns.readiness import Readiness, Ready
from services.campaigns.repository import Slice, Wanted
from services.campaigns.retry_messages import retry_from
from services.campaigns.use_cases import UseCases
from services.projects import Projects
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Conflict, Invalid
from services.runtime.identity import current_caller

ATTEMPTS = 10
OPEN_RUNS_AT_ONCE = 10_000
MOST_RUNS = 10_000  # of one campaign
NOTHING_KNOWN = -1  # a revision that every other is higher than
Context = Any


def _instant(request: api.ListCampaignsRequest, field: str) -> datetime.datetime | None:
    if not request.HasField(field):
        return None
    try:
        instant: datetime.datetime = getattr(request, field).ToDatetime(tzinfo=datetime.UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid("TIME_INVALID", "This is no instant.", field=field) from error
    return instant


async def _unless_it_changes(etag: str, attempt: Callable[[], Awaitable[pb.Campaign]]) -> pb.Campaign:
    """Begin again where somebody else changed the campaign meanwhile; who gave an etag is told instead."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await attempt()
        except Conflict as error:
            if etag or error.reason != CHANGED:
                raise
    return await attempt()


class CampaignsApi(CampaignsServiceServicer):
    """carillon.campaigns.v1.CampaignsService."""

    def __init__(
        self,
        *,
        use_cases: UseCases,
        commands: Commands,
        readiness: Readiness,
        projects: Projects,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._use_cases = use_cases
        self._commands = commands
        self._readiness = readiness
        self._projects = projects

    async def CreateCampaign(self, request: api.CreateCampaignRequest, context: Context) -> pb.Campaign:
        """Make a campaign, and launch or schedule it where it says so."""
        caller = current_caller()
        project = names.split_project(request.parent)
        await self._projects.require(caller, project)
        definition = messages.definition_from(request.campaign, project)
        ready = await self._checked(project, definition)
        return await self._use_cases.create(tenant=caller.tenant(), project=project, definition=definition, ready=ready)

    async def UpdateCampaign(self, request: api.UpdateCampaignRequest, context: Context) -> pb.Campaign:
        """Change a draft, and launch or schedule it where it says so."""
        return await _unless_it_changes(request.campaign.etag, lambda: self._update(request))

    async def _update(self, request: api.UpdateCampaignRequest) -> pb.Campaign:
        read = await self._get(request.campaign.name, field="campaign.name")
        dataclasses.replace(read).apply(Step.EDIT, now=self._clock.now())
        check_etag(read, request.campaign.etag)
        fields = masked(request.campaign, request.update_mask.paths)
        definition = merged(read.definition, messages.definition_from(request.campaign, read.project), fields)
        ready = await self._checked(read.project, definition)
        updated = await self._use_cases.update(caller=current_caller(), read=read, definition=definition, ready=ready)
        return messages.campaign_to(updated)

    async def DeleteCampaign(self, request: api.DeleteCampaignRequest, context: Context) -> Empty:
        """Hide it."""
        project, campaign = names.split(request.name, "projects", "campaigns")
        assert campaign is not None
        await self._use_cases.delete(caller=current_caller(), project=project, campaign=campaign)
        return Empty()

    async def ArchiveCampaign(self, request: api.ArchiveCampaignRequest, context: Context) -> pb.Campaign:
        """Put it away."""
        project, campaign = names.split(request.name, "projects", "campaigns")
        assert campaign is not None
        archived = await self._use_cases.archive(caller=current_caller(), project=project, campaign=campaign)
        return messages.campaign_to(archived)

    async def ResendCampaign(self, request: api.ResendCampaignRequest, context: Context) -> pb.Campaign:
        """Launch a new campaign like an old one."""
        caller = current_caller()
        read = await self._get(request.name)
        dataclasses.replace(read).apply(Step.RESEND, now=self._clock.now())
        audience = messages.audience_from(request.audience, read.project) if request.HasField("audience") else None
        definition = sent_again(read.definition, audience=audience, vendor_fields=request.vendor_fields)
        ready = await self._checked(read.project, definition)
        return await self._use_cases.create(
            tenant=caller.tenant(), project=read.project, definition=definition, ready=ready
        )

    async def GetCampaign(self, request: api.GetCampaignRequest, context: Context) -> pb.Campaign:
        """Answer a campaign."""
        project, campaign = names.split(request.name, "projects", "campaigns")
        assert campaign is not None
        return await self._use_cases.show(caller=current_caller(), project=project, campaign=campaign)

    async def ListCampaigns(self, request: api.ListCampaignsRequest, context: Context) -> api.ListCampaignsResponse:
        """Answer a page, newest first."""
        caller = current_caller()
        project = names.split_project(request.parent)
        await self._projects.require(caller, project)
        limit, before = read_page(request.page_size, request.page_token, default=20)
        if request.skip < 0:
            raise Invalid("SKIP_INVALID", "Nothing before the first can be asked for.", field="skip")
        wanted = Wanted(
            tenant=caller.tenant(),
            project=project,
            states=tuple(request.states),
            created_from=_instant(request, "created_from"),
            created_before=_instant(request, "created_before"),
            query=request.query,
        )
        part = Slice(before=before, skip=request.skip, limit=limit + 1)
        if request.skip_total_size:
            found, total = await self._use_cases.list_page(wanted, part), 0
        else:
            found, total = await self._use_cases.list_counted_page(wanted, part)
        return api.ListCampaignsResponse(
            campaigns=[messages.listed(campaign.resource) for campaign in found[:limit]],
            next_page_token=page_token(found[limit - 1].id) if len(found) > limit else "",
            total_size=total,
        )

    async def StartCampaign(self, request: api.StartCampaignRequest, context: Context) -> pb.Campaign:
        """Launch it now."""
        return await _unless_it_changes(request.etag, lambda: self._start(request))

    async def _start(self, request: api.StartCampaignRequest) -> pb.Campaign:
        read = await self._get(request.name)
        dataclasses.replace(read).apply(Step.LAUNCH, now=self._clock.now())
        check_etag(read, request.etag)
        definition = read.definition
        if request.HasField("audience"):
            definition = dataclasses.replace(
                definition, audience=messages.audience_from(request.audience, read.project)
            )
        definition.check_can_start()
        ready = await self._readiness.check(project=read.project, definition=definition)
        return await self._use_cases.start(caller=current_caller(), read=read, definition=definition, ready=ready)

    async def PauseCampaign(self, request: api.PauseCampaignRequest, context: Context) -> pb.Campaign:
        """Hold it."""
        return await self._carry_out(request.name, State.PAUSED)

    async def ResumeCampaign(self, request: api.ResumeCampaignRequest, context: Context) -> pb.Campaign:
        """Let it go on."""
        return await self._carry_out(request.name, State.ACTIVE)

    async def CancelCampaign(self, request: api.CancelCampaignRequest, context: Context) -> pb.Campaign:
        """End it."""
        return await self._carry_out(request.name, State.CANCELLED)

    async def RetryMessages(self, request: api.RetryMessagesRequest, context: Context) -> pb.Campaign:
        """Send again what failed."""
        project, campaign = names.split(request.name, "projects", "campaigns")
        assert campaign is not None
        found, runs = await self._use_cases.list_runs(
            caller=current_caller(), project=project, campaign=campaign, before=None, limit=MOST_RUNS
        )
        retried = await self._use_cases.retry(
            caller=current_caller(),
            project=project,
            campaign=campaign,
            etag=request.etag,
            retry_of=retry_from(request, campaign=found, runs={run.id for run in runs}),
        )
        await self._commands.let_go(campaign)
        return retried

    async def ListRuns(self, request: api.ListRunsRequest, context: Context) -> api.ListRunsResponse:
        """Answer a page of runs, newest first."""
        project, campaign = names.split(request.parent, "projects", "campaigns", field="parent")
        assert campaign is not None
        limit, before = read_page(request.page_size, request.page_token, default=100)
        found, runs = await self._use_cases.list_runs(
            caller=current_caller(), project=project, campaign=campaign, before=before, limit=limit + 1
        )
        return api.ListRunsResponse(
            runs=[messages.run_to(run, found.project) for run in runs[:limit]],
            next_page_token=page_token(runs[limit - 1].id) if len(runs) > limit else "",
        )

    async def _checked(self, project: bytes, definition: Definition) -> Ready | None:
        """Refuse what cannot be stored; what its start needs from elsewhere, where it does not stay a draft."""
        definition.check()
        definition.check_time(now=self._clock.now())
        if not definition.immediate and definition.start_at is None:
            await self._readiness.check_names(project=project, definition=definition)
            return None
        definition.check_can_start()
        return await self._readiness.check(project=project, definition=definition)

    async def _get(self, name: str, *, field: str = "name") -> Campaign:
        project, campaign = names.split(name, "projects", "campaigns", field=field)
        assert campaign is not None
        return await self._use_cases.get(caller=current_caller(), project=project, campaign=campaign)

    async def _carry_out(self, name: str, wanted: State) -> pb.Campaign:
        project, campaign = names.split(name, "projects", "campaigns")
        assert campaign is not None
        return messages.campaign_to(
            await self._commands.carry_out(caller=current_caller(), project=project, campaign=campaign, wanted=wanted)
        )


class RunFeed(RunFeedServiceServicer):
    """carillon.feeds.v1.RunFeedService: the facts of campaign-lifecycle, a second time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def StreamOpenRuns(
        self, request: feed.StreamOpenRunsRequest, context: Context
    ) -> AsyncIterator[feed.StreamOpenRunsResponse]:
        """All runs that have not ended, and how their campaigns stand."""

        async def work(tx: Transaction) -> tuple[list[tuple[bytes, bytes, bytes]], list[Standing]]:
            runs = await repository.open_runs(tx, limit=OPEN_RUNS_AT_ONCE)
            return runs, await repository.standings(tx, {campaign: NOTHING_KNOWN for _, campaign, _ in runs})

        runs, standings = await self._database.transaction(work)
        for standing in standings:
            yield feed.StreamOpenRunsResponse(fact=messages.state_changed(standing))
        for _, _, fact in runs:
            yield feed.StreamOpenRunsResponse(fact=CampaignLifecycle.FromString(fact))

    async def BatchGetStates(
        self, request: feed.BatchGetStatesRequest, context: Context
    ) -> feed.BatchGetStatesResponse:
        """How these campaigns stand, unless the caller knows."""

        asked = request.campaigns[:MOST_PER_PAGE]
        known = dict.fromkeys(asked, NOTHING_KNOWN) | dict(zip(asked, request.known_revisions, strict=False))
        found = await self._database.read(lambda tx: repository.standings(tx, known))
        return feed.BatchGetStatesResponse(facts=[messages.state_changed(standing) for standing in found])
