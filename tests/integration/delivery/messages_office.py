"""Owns MessagesService as a test calls it: over real rows, with the other services' answers of the test's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from carillon.delivery.v1 import messages_service_pb2 as api
from carillon.delivery.v1.messages_pb2 import Message, RecipientExplanation

from services import names
from services.delivery.contacts import Contacts
from services.delivery.explaining import Explaining
from services.delivery.ledger import Ledger
from services.delivery.message_api import MessagesApi
from services.runtime.database import Database
from tests.integration.delivery.audiences import Run
from tests.integration.delivery.people import People


@dataclass
class Office:
    """One project's messages."""

    servicer: MessagesApi
    people: People

    def name_of(self, run: Run, place: tuple[int, int] | None = None) -> str:
        """The run's name, or a message's."""
        name = names.join(("projects", self.people.project), ("campaigns", run.campaign), ("runs", run.id))
        return name if place is None else f"{name}/messages/{place[0]}-{place[1]}"

    async def page(self, parent: str, **filters: Any) -> api.ListMessagesResponse:
        """One page."""
        return await self.servicer.ListMessages(api.ListMessagesRequest(parent=parent, **filters), None)

    async def every(self, parent: str, **filters: Any) -> list[Message]:
        """All pages."""
        found: list[Message] = []
        token = ""
        while True:
            page = await self.page(parent, page_token=token, **filters)
            found += page.messages
            token = page.next_page_token
            if not token:
                return found

    async def places(self, parent: str, **filters: Any) -> list[tuple[int, int]]:
        """Where the messages stand that are listed."""
        return [place_of(message) for message in await self.every(parent, **filters)]

    async def get(self, name: str) -> Message:
        """One message."""
        return await self.servicer.GetMessage(api.GetMessageRequest(name=name), None)

    async def explain(self, campaign: str, contact: str) -> RecipientExplanation:
        """Why."""
        request = api.ExplainRecipientRequest(name=campaign, contact=contact)
        return await self.servicer.ExplainRecipient(request, None)


def place_of(message: Message) -> tuple[int, int]:
    """(batch, position)."""
    batch, _, position = message.name.rpartition("/")[2].partition("-")
    return int(batch), int(position)


def messages_office(database: Database, *, tenant: bytes, project: bytes) -> Office:
    """For a project that has nobody and nothing yet."""
    people: Any = People(tenant=tenant, project=project)
    ledger = Ledger(database)
    servicer = MessagesApi(
        database=database,
        ledger=ledger,
        explaining=Explaining(database=database, ledger=ledger, membership=people),
        campaigns=people,
        contacts=Contacts(people),
    )
    return Office(servicer=servicer, people=people)
