"""Owns SuppressionsService: read the request, do it, answer after the commit.

Never holds a rule of sending: who is suppressed is seen where claims are carried out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from carillon.delivery.v1 import suppressions_service_pb2 as api
from carillon.delivery.v1.suppressions_pb2 import Suppression as SuppressionMessage
from carillon.delivery.v1.suppressions_service_pb2_grpc import SuppressionsServiceServicer
from carillon.segments.v1.segments_pb2 import CHANNEL_UNSPECIFIED, Channel

from services import names
from services.delivery import suppression_repository as suppressions
from services.delivery.contacts import Contacts, KnownContact
from services.delivery.paging import read_page_size, read_page_token, write_page_token
from services.delivery.suppression_repository import Suppression
from services.projects import Projects
from services.runtime.database import Database, Transaction
from services.runtime.errors import Invalid
from services.runtime.identity import current_caller
from services.runtime.ids import SIZE

DEFAULT_REASON = "SUPPRESSED_BY_PROJECT"
REASON = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
PEOPLE, ADDRESSES = b"p", b"a"  # which half of a project's list a page token leads into
LONGEST_ADDRESS = 1024  # bytes
Context = Any


class SuppressionsApi(SuppressionsServiceServicer):
    """carillon.delivery.v1.SuppressionsService."""

    def __init__(self, *, database: Database, contacts: Contacts, projects: Projects) -> None:
        self._database = database
        self._contacts = contacts
        self._projects = projects

    async def SuppressContact(
        self, request: api.SuppressContactRequest, context: Context
    ) -> api.SuppressContactResponse:
        """Message the contact no more."""
        channels, reason = read_channels(request.channels), read_reason(request.reason)
        tenant, contact = current_caller().tenant(), await self._contacts.require(request.name)

        async def work(tx: Transaction) -> list[Suppression]:
            people = [(contact.id, channel) for channel in channels]
            await suppressions.suppress(tx, tenant=tenant, project=contact.project, people=people, reason=reason)
            return await _of(tx, tenant, contact)

        found = await self._database.transaction(work)
        return api.SuppressContactResponse(suppressions=_written(contact.project, found))

    async def UnsuppressContact(
        self, request: api.UnsuppressContactRequest, context: Context
    ) -> api.UnsuppressContactResponse:
        """Let the contact be messaged again."""
        channels = read_channels(request.channels)
        tenant, contact = current_caller().tenant(), await self._contacts.require(request.name)

        async def work(tx: Transaction) -> list[Suppression]:
            await suppressions.unsuppress(
                tx,
                tenant=tenant,
                project=contact.project,
                contact=contact.id,
                channels=channels,
                addresses=contact.addresses,
            )
            return await _of(tx, tenant, contact)

        found = await self._database.transaction(work)
        return api.UnsuppressContactResponse(suppressions=_written(contact.project, found))

    async def ListSuppressions(
        self, request: api.ListSuppressionsRequest, context: Context
    ) -> api.ListSuppressionsResponse:
        """A contact's, or a page of a project's."""
        caller, size = current_caller(), read_page_size(request.page_size)
        if "/contacts/" in request.parent:
            read_page_token(request.page_token, of=request.parent.encode(), size=range(0))  # there is no second page
            contact = await self._contacts.require(request.parent, field="parent")
            found = await self._database.transaction(lambda tx: _of(tx, caller.tenant(), contact))
            return api.ListSuppressionsResponse(suppressions=_written(contact.project, found))
        project = names.split_project(request.parent)
        await self._projects.require(caller, project)
        place = read_page_token(request.page_token, of=project, size=range(1, LONGEST_ADDRESS))
        page = await self._database.transaction(lambda tx: _page(tx, caller.tenant(), project, place, size + 1))
        more = len(page) > size
        return api.ListSuppressionsResponse(
            suppressions=_written(project, page[:size]),
            next_page_token=write_page_token(_place(page[size - 1]), of=project) if more else "",
        )


async def _of(tx: Transaction, tenant: bytes, contact: KnownContact) -> list[Suppression]:
    return await suppressions.of_contact(
        tx, tenant=tenant, project=contact.project, contact=contact.id, addresses=contact.addresses
    )


async def _page(tx: Transaction, tenant: bytes, project: bytes, place: bytes, limit: int) -> list[Suppression]:
    """People behind the place, then addresses."""
    found: list[Suppression] = []
    if not place.startswith(ADDRESSES):
        contact, channel = place[1 : 1 + SIZE], int.from_bytes(place[1 + SIZE :])
        found = await suppressions.people_after(
            tx, tenant=tenant, project=project, contact=contact, channel=channel, limit=limit
        )
        place = b""
    channel, address = int.from_bytes(place[1:2]), place[2:].decode(errors="replace")
    return found + await suppressions.addresses_after(
        tx, tenant=tenant, project=project, channel=channel, address=address, limit=limit - len(found)
    )


def _place(row: Suppression) -> bytes:
    if row.contact:
        return PEOPLE + row.contact + row.channel.to_bytes(1)
    return ADDRESSES + row.channel.to_bytes(1) + row.address.encode()


def read_channels(channels: Sequence[int]) -> list[int]:
    """The channels, each once. Raises Invalid where there is none, or one is none."""
    if not channels:
        raise Invalid("CHANNELS_REQUIRED", "Name at least one channel.", field="channels")
    for index, channel in enumerate(channels):
        if channel == CHANNEL_UNSPECIFIED or channel not in Channel.values():
            raise Invalid("CHANNEL_INVALID", "There is no such channel.", field=f"channels[{index}]")
    return list(dict.fromkeys(channels))


def read_reason(reason: str) -> str:
    """The reason, or the usual one where none is given. Raises Invalid."""
    if reason and not REASON.fullmatch(reason):
        raise Invalid("REASON_INVALID", "A reason is in UPPER_SNAKE, at most 64 characters.", field="reason")
    return reason or DEFAULT_REASON


def _written(project: bytes, rows: Sequence[Suppression]) -> list[SuppressionMessage]:
    return [write_suppression(project, row) for row in rows]


def write_suppression(project: bytes, row: Suppression) -> SuppressionMessage:
    """The message of a row."""
    return SuppressionMessage(
        contact=names.join(("projects", project), ("contacts", row.contact)) if row.contact else "",
        address=row.address,
        channel=row.channel,  # type: ignore[arg-type]  # the number is the enum's own
        reason=row.reason,
        create_time=row.since,
    )
