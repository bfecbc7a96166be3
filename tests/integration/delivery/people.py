"""Owns the other end of Contacts, Campaigns and Projects: who and what is the caller's, as the other services say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carillon.campaigns.v1.campaigns_pb2 import Campaign, Run
from carillon.campaigns.v1.campaigns_service_pb2 import GetCampaignRequest, ListRunsRequest, ListRunsResponse
from carillon.feeds.v1.membership_feed_service_pb2 import CheckMembershipRequest, CheckMembershipResponse
from carillon.segments.v1.segments_pb2 import Contact
from carillon.segments.v1.segments_service_pb2 import GetContactRequest

from services import names
from services.runtime.errors import NotFound
from services.runtime.identity import Caller, bind_caller


class People:
    """The contacts and the campaigns of one project; stands for all stubs."""

    def __init__(self, *, tenant: bytes, project: bytes) -> None:
        self.project = project
        self._contacts: dict[str, Contact] = {}
        self._campaigns: dict[str, Campaign] = {}
        self._runs: dict[str, list[bytes]] = {}
        self.members: set[bytes] = set()
        bind_caller(Caller(organization=tenant, subject="somebody"))

    def add(self, contact: bytes, **fields: Any) -> str:
        """Make a contact; its name."""
        name = names.join(("projects", self.project), ("contacts", contact))
        self._contacts[name] = Contact(name=name, external_id=contact.hex(), **fields)
        return name

    def add_campaign(self, campaign: bytes, *, runs: Sequence[bytes] = (), **fields: Any) -> str:
        """Make or change a campaign; its name."""
        name = names.join(("projects", self.project), ("campaigns", campaign))
        self._campaigns[name] = Campaign(name=name, **fields)
        self._runs[name] = list(runs)
        return name

    async def GetContact(self, request: GetContactRequest) -> Contact:
        """As SegmentsService."""
        if request.name not in self._contacts:
            raise NotFound("CONTACT_NOT_FOUND", "There is no such contact.", field="name")
        return self._contacts[request.name]

    async def GetCampaign(self, request: GetCampaignRequest) -> Campaign:
        """As CampaignsService."""
        if request.name not in self._campaigns:
            raise NotFound("CAMPAIGN_NOT_FOUND", "There is no such campaign.", field="name")
        return self._campaigns[request.name]

    async def ListRuns(self, request: ListRunsRequest) -> ListRunsResponse:
        """As CampaignsService."""
        spelled = [f"{request.parent}/runs/{names.spell('runs', run)}" for run in self._runs[request.parent]]
        return ListRunsResponse(runs=[Run(name=name) for name in spelled])

    async def CheckMembership(self, request: CheckMembershipRequest) -> CheckMembershipResponse:
        """As MembershipFeedService."""
        return CheckMembershipResponse(member=request.contact in self.members)

    async def require(self, caller: Caller, project: bytes, *, field: str = "parent") -> None:
        """As Projects."""
        if project != self.project:
            raise NotFound("PROJECT_NOT_FOUND", "There is no such project.", field=field)
