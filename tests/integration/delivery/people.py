"""Owns the other end of Contacts and Projects: who and what is the caller's, as segments and the gateway would say."""

from __future__ import annotations

from carillon.segments.v1.segments_pb2 import Contact
from carillon.segments.v1.segments_service_pb2 import GetContactRequest

from services import names
from services.runtime.errors import NotFound
from services.runtime.identity import Caller, bind_caller


class People:
    """The contacts of one project; stands for both stubs."""

    def __init__(self, *, tenant: bytes, project: bytes) -> None:
        self.project = project
        self._contacts: dict[str, Contact] = {}
        bind_caller(Caller(organization=tenant, subject="somebody"))

    def add(self, contact: bytes, *, email: str = "") -> str:
        """Make a contact; its name."""
        name = names.join(("projects", self.project), ("contacts", contact))
        self._contacts[name] = Contact(name=name, external_id=contact.hex(), email=email)
        return name

    async def GetContact(self, request: GetContactRequest) -> Contact:
        """As SegmentsService."""
        if request.name not in self._contacts:
            raise NotFound("CONTACT_NOT_FOUND", "There is no such contact.", field="name")
        return self._contacts[request.name]

    async def require(self, caller: Caller, project: bytes, *, field: str = "parent") -> None:
        """As Projects."""
        if project != self.project:
            raise NotFound("PROJECT_NOT_FOUND", "There is no such project.", field=field)
