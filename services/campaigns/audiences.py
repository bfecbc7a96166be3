"""Owns asking segments how large an audience is, which is also how a wrong filter is found before it is stored."""

from __future__ import annotations

import grpc
from carillon.segments.v1.segments_service_pb2 import CountAudienceRequest, GetSegmentRequest
from carillon.segments.v1.segments_service_pb2_grpc import SegmentsServiceStub

from services import names
from services.campaigns import messages
from services.campaigns.domain.campaign import Definition
from services.campaigns.use_cases import AudienceSize
from services.runtime.errors import NotFound
from services.runtime.identity import SERVICE_SUBJECT, Caller, bind_caller


class Audiences:
    """Counts audiences at segments."""

    def __init__(self, segments: SegmentsServiceStub) -> None:
        self._segments = segments

    async def measure(self, *, project: bytes, definition: Definition) -> AudienceSize:
        """How large the audience is now; segments' own refusals pass through (AioRpcError)."""
        assert definition.audience is not None
        answer = await self._segments.CountAudience(
            CountAudienceRequest(
                parent=names.join(("projects", project)),
                audience=messages.audience_to(definition.audience, project),
                channels=definition.channels,  # type: ignore[arg-type]
            )
        )
        return AudienceSize(messages=answer.message_count, contacts=answer.contact_count)

    async def require_segment(self, *, project: bytes, segment: bytes) -> None:
        """NotFound unless the project has such a saved segment."""
        name = names.join(("projects", project), ("segments", segment))
        try:
            await self._segments.GetSegment(GetSegmentRequest(name=name))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            raise NotFound("SEGMENT_NOT_FOUND", "There is no such segment.", field="audience.segment") from error

    async def measure_for(self, *, tenant: bytes, project: bytes, definition: Definition) -> AudienceSize | None:
        """The same as this service's own work for a tenant; None where segments is down."""
        bind_caller(Caller(organization=tenant, subject=SERVICE_SUBJECT + "campaigns"))
        try:
            return await self.measure(project=project, definition=definition)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND):
                raise
            return None
