"""Owns the public methods of SegmentsService: read, do, answer.

Never holds a rule. Whoever is not the tenant's is answered exactly as if there were nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from carillon.segments.v1 import segments_pb2 as segments
from carillon.segments.v1 import segments_service_pb2 as service
from carillon.segments.v1.segments_service_pb2_grpc import SegmentsServiceServicer

from services import names
from services.projects import Projects
from services.runtime import ids
from services.runtime.database import Database, Transaction
from services.runtime.errors import Invalid, NotFound
from services.runtime.idempotency import Idempotency
from services.runtime.identity import Caller, current_caller
from services.segments import contact_repository as contacts
from services.segments import repository, use_cases
from services.segments.contact_messages import read_contact, write_contact, write_reach, write_segment
from services.segments.domain.contacts import MAX_BATCH, check_batch
from services.segments.earlier_campaigns import EarlierCampaigns
from services.segments.filter_messages import read_filter
from services.segments.non_openers import NonOpeners

DEFAULT_PAGE = 100
MAX_PAGE = 1000


class SegmentsApi(SegmentsServiceServicer):
    """Contacts and segments for a tenant's own programs."""

    def __init__(
        self,
        *,
        database: Database,
        idempotency: Idempotency,
        projects: Projects,
        earlier: EarlierCampaigns,
        non_openers: NonOpeners,
        allowed_private_hosts: tuple[str, ...],
    ) -> None:
        self._database = database
        self._idempotency = idempotency
        self._projects = projects
        self._earlier = earlier
        self._non_openers = non_openers
        self._allowed_private_hosts = frozenset(allowed_private_hosts)

    async def _parent(self, name: str) -> tuple[bytes, bytes]:
        """The tenant and the project that the request is about."""
        caller, project = current_caller(), names.split_project(name)
        await self._projects.require(caller, project)
        return caller.tenant(), project

    async def BatchUpsertContacts(
        self, request: service.BatchUpsertContactsRequest, context: Any
    ) -> service.BatchUpsertContactsResponse:
        """Make or change contacts, all or none."""
        tenant, project = await self._parent(request.parent)
        if not 1 <= len(request.contacts) <= MAX_BATCH:
            raise Invalid("CONTACTS_OUT_OF_RANGE", f"A request has 1 to {MAX_BATCH} contacts.", field="contacts")
        batch = [
            read_contact(contact, f"contacts[{index}]", allowed_private_hosts=self._allowed_private_hosts)
            for index, contact in enumerate(request.contacts)
        ]
        check_batch(batch)

        async def upsert(tx: Transaction) -> service.BatchUpsertContactsResponse:
            found = await contacts.upsert(tx, tenant, project, batch)
            return service.BatchUpsertContactsResponse(
                names=[names.join(("projects", project), ("contacts", contact)) for contact in found]
            )

        return await self._idempotency.transaction(service.BatchUpsertContactsResponse, upsert)

    async def GetContact(self, request: service.GetContactRequest, context: Any) -> segments.Contact:
        """Answer a contact."""
        caller = current_caller()
        project, contact = await self._name(caller, request.name, "contacts")
        found = await self._database.transaction(lambda tx: contacts.find(tx, caller.tenant(), project, contact))
        if found is None or not caller.may_use(found[0].project):
            raise NotFound("CONTACT_NOT_FOUND", "There is no such contact.", field="name")
        return write_contact(*found)

    async def CreateSegment(self, request: service.CreateSegmentRequest, context: Any) -> segments.Segment:
        """Save a segment."""
        tenant, project = await self._parent(request.parent)
        tree = read_filter(request.segment.filter, "segment.filter")
        await self._earlier.require(project, tree, "segment.filter")

        async def create(tx: Transaction) -> segments.Segment:
            row = await use_cases.create_segment(
                tx,
                tenant=tenant,
                project=project,
                display_name=request.segment.display_name,
                tree=request.segment.filter,
            )
            return write_segment(row)

        return await self._idempotency.transaction(segments.Segment, create)

    async def GetSegment(self, request: service.GetSegmentRequest, context: Any) -> segments.Segment:
        """Answer a segment."""
        caller = current_caller()
        project, segment = await self._name(caller, request.name, "segments")
        row = await self._database.transaction(
            lambda tx: repository.find_segment(tx, caller.tenant(), project, segment)
        )
        if row is None or not caller.may_use(row.project):
            raise NotFound("SEGMENT_NOT_FOUND", "There is no such segment.", field="name")
        return write_segment(row)

    async def ListSegments(self, request: service.ListSegmentsRequest, context: Any) -> service.ListSegmentsResponse:
        """Answer a page of segments."""
        tenant, project = await self._parent(request.parent)
        limit, after = read_page_size(request.page_size), read_page_token(request.page_token)
        rows = await self._database.transaction(
            lambda tx: repository.list_segments(tx, tenant, project, after=after, limit=limit + 1)
        )
        return service.ListSegmentsResponse(
            segments=[write_segment(row) for row in rows[:limit]],
            next_page_token=write_page_token(rows[limit - 1].id) if len(rows) > limit else "",
        )

    async def CountAudience(self, request: service.CountAudienceRequest, context: Any) -> service.CountAudienceResponse:
        """Answer how many an audience is now."""
        tenant, project = await self._parent(request.parent)
        use_cases.check_channels(request.channels, "channels")
        kind = request.audience.WhichOneof("kind")
        if kind is None:
            raise Invalid("AUDIENCE_REQUIRED", "Say whom it is for.", field="audience")
        if kind == "filter":  # a segment's was checked when it was saved
            tree = read_filter(request.audience.filter, "audience.filter")
            await self._earlier.require(project, tree, "audience.filter")

        fields = use_cases.check_fields(request.contact_fields, "contact_fields")

        async def count(tx: Any) -> tuple[contacts.Reach, Mapping[str, Sequence[str]]]:
            message = request.audience.filter
            if kind == "segment":
                name = request.audience.segment
                message = await use_cases.segment_filter(tx, tenant, project, name, "audience.segment")
            tree = read_filter(message, "audience.filter")
            return await use_cases.count_audience(
                tx,
                tenant=tenant,
                project=project,
                tree=tree,
                channels=request.channels,
                fields=fields,
                non_openers=self._non_openers,
            )

        return write_reach(*await self._database.transaction(count))

    async def _name(self, caller: Caller, name: str, collection: str) -> tuple[bytes | None, bytes]:
        """The project, None for any, and the id in a name; a project that is named must be the caller's."""
        project, found = names.split(name, "projects", collection)
        assert found is not None
        if project is not None:
            await self._projects.require(caller, project, field="name")
        return project, found


def read_page_size(asked: int) -> int:
    """How many the page may have."""
    if asked < 0:
        raise Invalid("PAGE_SIZE_INVALID", "A page size is not negative.", field="page_size")
    return min(asked or DEFAULT_PAGE, MAX_PAGE)


def write_page_token(last: bytes) -> str:
    """A token that asks for what is behind this id."""
    return base64.urlsafe_b64encode(last).decode()


def read_page_token(token: str) -> bytes:
    """The id behind which the page begins; empty for the first page."""
    try:
        after = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("PAGE_TOKEN_INVALID", "This is no page token of this list.", field="page_token") from error
    if token and len(after) != ids.SIZE:
        raise Invalid("PAGE_TOKEN_INVALID", "This is no page token of this list.", field="page_token")
    return after
