"""Owns asking segments how large an audience is, which is also how a wrong filter is found before it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from carillon.segments.v1.segments_service_pb2 import CountAudienceRequest, GetSegmentRequest
from carillon.segments.v1.segments_service_pb2_grpc import SegmentsServiceStub

from services import names
from services.campaigns import messages
from services.campaigns.domain.campaign import Definition
from services.runtime.errors import NotFound


@dataclass(frozen=True, slots=True)
class FieldCount:
    """Whether a contact of the project ever had a field, in snake_case, and how many of those counted have none."""

    field: str
    known: bool
    absent: int


@dataclass(frozen=True, slots=True)
class AudienceSize:
    """How large an audience was when somebody looked; `fields` are those asked about, each once."""

    messages: int
    contacts: int
    fields: tuple[FieldCount, ...] = ()


class Audiences:
    """Counts audiences at segments."""

    def __init__(self, segments: SegmentsServiceStub) -> None:
        self._segments = segments

    async def measure(self, *, project: bytes, definition: Definition, fields: Sequence[str] = ()) -> AudienceSize:
        """How large the audience is now; segments' own refusals pass through (AioRpcError)."""
        assert definition.audience is not None
        answer = await self._segments.CountAudience(
            CountAudienceRequest(
                parent=names.join(("projects", project)),
                audience=messages.audience_to(definition.audience, project),
                channels=definition.channels,  # type: ignore[arg-type]
                contact_fields=fields,
            )
        )
        counts = tuple(FieldCount(item.field, item.known, item.absent_count) for item in answer.contact_fields)
        return AudienceSize(messages=answer.message_count, contacts=answer.contact_count, fields=counts)

    async def require_segment(self, *, project: bytes, segment: bytes) -> None:
        """NotFound unless the project has such a saved segment."""
        name = names.join(("projects", project), ("segments", segment))
        try:
            await self._segments.GetSegment(GetSegmentRequest(name=name))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            raise NotFound("SEGMENT_NOT_FOUND", "There is no such segment.", field="audience.segment") from error
