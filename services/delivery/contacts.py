"""Owns the question who a contact is; the answer is segments', given to the caller himself.

Never keeps it. Whoever is not the caller's is NotFound, as whoever never was.
"""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from carillon.segments.v1.segments_pb2 import Contact
from carillon.segments.v1.segments_service_pb2 import GetContactRequest
from carillon.segments.v1.segments_service_pb2_grpc import SegmentsServiceStub

from services import names
from services.runtime.errors import NotFound


@dataclass(frozen=True, slots=True)
class KnownContact:
    """A contact of the caller's."""

    project: bytes
    id: bytes
    message: Contact

    @property
    def addresses(self) -> list[str]:
        """What may be suppressed beside the contact itself."""
        return [self.message.email] if self.message.email else []


class Contacts:
    """Asks segments."""

    def __init__(self, segments: SegmentsServiceStub) -> None:
        self._segments = segments

    async def require(self, name: str, *, field: str = "name") -> KnownContact:
        """The contact of this name. Raises NotFound."""
        project, contact = names.split(name, "projects", "contacts", field=field)
        if project is None or contact is None:
            raise NotFound("CONTACT_NOT_FOUND", "There is no such contact.", field=field)
        try:
            message = await self._segments.GetContact(GetContactRequest(name=name))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise NotFound("CONTACT_NOT_FOUND", "There is no such contact.", field=field) from error
            raise
        return KnownContact(project=project, id=contact, message=message)
