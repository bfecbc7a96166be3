"""Owns MessagesService: read the request, ask who may, find, answer.

Never holds a rule of delivery.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carillon.campaigns.v1.campaigns_service_pb2 import ListRunsRequest
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub
from carillon.delivery.v1 import messages_pb2 as pb
from carillon.delivery.v1 import messages_service_pb2 as api
from carillon.delivery.v1.delivery_pb2 import MessageState
from carillon.delivery.v1.messages_service_pb2_grpc import MessagesServiceServicer
from carillon.segments.v1.segments_pb2 import Channel
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from services import names
from services.delivery import run_repository
from services.delivery.campaigns import Campaigns, KnownCampaign
from services.delivery.contacts import Contacts
from services.delivery.explaining import Explaining
from services.delivery.ledger import PLACE, Ledger, pack, unpack
from services.delivery.message_messages import read_name, write_detail, write_message
from services.delivery.message_repository import Wanted
from services.delivery.paging import read_page_size, read_page_token, write_page_token
from services.delivery.run_repository import RunRow
from services.runtime.database import Database
from services.runtime.errors import Invalid, NotFound
from services.runtime.identity import current_caller

ALL_RUNS = "-"
MOST_REASONS = 100
MOST_RUNS = 1000
Context = Any


class MessagesApi(MessagesServiceServicer):
    """carillon.delivery.v1.MessagesService."""

    def __init__(
        self,
        *,
        database: Database,
        ledger: Ledger,
        explaining: Explaining,
        campaigns: CampaignsServiceStub,
        contacts: Contacts,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._explaining = explaining
        self._stub = campaigns
        self._campaigns = Campaigns(campaigns)
        self._contacts = contacts

    async def ListMessages(self, request: api.ListMessagesRequest, context: Context) -> api.ListMessagesResponse:
        """A page."""
        size = read_page_size(request.page_size)
        name, run = read_parent(request.parent)
        of = _list_of(request)
        after = unpack(read_page_token(request.page_token, of=of, size=range(PLACE.size, PLACE.size + 1)))
        campaign = await self._campaigns.require(name, field="parent")
        wanted = await self._wanted(request, campaign)
        page = await self._ledger.page(await self._runs(campaign, run), wanted, after=after, size=size)
        return api.ListMessagesResponse(
            messages=[write_message(campaign.project, campaign.id, row) for row in page.rows],
            next_page_token=write_page_token(pack(page.next), of=of) if page.next else "",
        )

    async def GetMessage(self, request: api.GetMessageRequest, context: Context) -> pb.Message:
        """A message with its history."""
        name, place = read_name(request.name)
        campaign = await self._campaigns.require(name)
        of_campaign = {run.id for run in await self._runs(campaign, None)}
        detail = await self._ledger.find(place) if place.run in of_campaign else None
        if detail is None:
            raise NotFound("MESSAGE_NOT_FOUND", "There is no such message.", field="name")
        return write_detail(campaign.project, campaign.id, detail)

    async def ExplainRecipient(self, request: api.ExplainRecipientRequest, context: Context) -> pb.RecipientExplanation:
        """Why."""
        campaign = await self._campaigns.require(request.name)
        contact = await self._contacts.require(request.contact, field="contact")
        if contact.project != campaign.project:
            raise NotFound("CONTACT_NOT_FOUND", "There is no such contact.", field="contact")
        return await self._explaining.explain(current_caller().tenant(), campaign, contact)

    async def _runs(self, campaign: KnownCampaign, wanted: bytes | None) -> list[RunRow]:
        """The campaign's runs, or the one that is wanted; none where it is known to campaigns alone yet."""
        runs = await self._database.transaction(
            lambda tx: run_repository.runs_of_campaign(tx, tenant=current_caller().tenant(), campaign=campaign.id)
        )
        if wanted is None:
            return runs
        found = [run for run in runs if run.id == wanted]
        if not found:
            await self._require_run(campaign, wanted)
        return found

    async def _require_run(self, campaign: KnownCampaign, wanted: bytes) -> None:
        listed = await self._stub.ListRuns(ListRunsRequest(parent=campaign.message.name, page_size=MOST_RUNS))
        name = f"{campaign.message.name}/runs/{names.spell('runs', wanted)}"
        if all(run.name != name for run in listed.runs):
            raise NotFound("RUN_NOT_FOUND", "There is no such run.", field="parent")

    async def _wanted(self, request: api.ListMessagesRequest, campaign: KnownCampaign) -> Wanted:
        _check_words(request.states, MessageState, field="states", reason="STATE_INVALID")
        _check_words(request.channels, Channel, field="channels", reason="CHANNEL_INVALID")
        _check_reasons(request.reasons)
        contact = b""
        if request.contact:
            known = await self._contacts.require(request.contact, field="contact")
            if known.project != campaign.project:
                raise NotFound("CONTACT_NOT_FOUND", "There is no such contact.", field="contact")
            contact = known.id
        return Wanted(
            states=frozenset(request.states),
            reasons=frozenset(request.reasons),
            channels=frozenset(request.channels),
            contact=contact,
        )


def read_parent(parent: str) -> tuple[str, bytes | None]:
    """(the campaign's name, the run, None for all)."""
    name, separator, run = parent.partition("/runs/")
    if not separator or run == ALL_RUNS:
        return name, None
    found = names.split(parent, "projects", "campaigns", "runs", field="parent")[2]
    return name, found


def _list_of(request: api.ListMessagesRequest) -> bytes:
    """What a page token is good for: the same parent and filters."""
    same = api.ListMessagesRequest()
    same.CopyFrom(request)
    same.ClearField("page_size")
    same.ClearField("page_token")
    return same.SerializeToString(deterministic=True)


def _check_words(numbers: Sequence[int], words: EnumTypeWrapper, *, field: str, reason: str) -> None:
    for index, number in enumerate(numbers):
        if number == 0 or number not in words.values():
            raise Invalid(reason, "There is no such word.", field=f"{field}[{index}]")


def _check_reasons(reasons: Sequence[str]) -> None:
    if len(reasons) > MOST_REASONS:
        raise Invalid("REASONS_OUT_OF_RANGE", f"At most {MOST_REASONS} reasons.", field="reasons")
    for index, reason in enumerate(reasons):
        if not reason or "\0" in reason:
            raise Invalid("REASON_INVALID", "A reason is a word in UPPER_SNAKE.", field=f"reasons[{index}]")
