"""Owns reading a refusal of the core (google.rpc.Status by AIP-193), whichever way it came: as a call's or as our own.

Never spells it for anybody: each dialect does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import grpc
from google.rpc import error_details_pb2, status_pb2

from gateway.refusal import PLAIN
from services.runtime.errors import DomainError
from services.runtime.interceptors import DETAILS_KEY, status_of

# gRPC's code → HTTP's status, as Envoy has it.
STATUSES: Mapping[grpc.StatusCode, int] = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclasses.dataclass(frozen=True, slots=True)
class CoreError:
    """A refusal: `field` in the core's words, `metadata` as its reason promises."""

    code: grpc.StatusCode
    status: int
    reason: str
    message: str
    field: str = ""
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)


def read(error: DomainError | grpc.aio.AioRpcError) -> CoreError:
    """The refusal; a peer that is down, that failed, or that took too long is 503 or 504 in words of ours."""
    if isinstance(error, DomainError):
        return _of_status(status_of(error))
    raw = dict(error.trailing_metadata() or ()).get(DETAILS_KEY)
    if isinstance(raw, bytes) and error.code() is not grpc.StatusCode.INTERNAL:
        return _of_status(status_pb2.Status.FromString(raw))
    late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    code = grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.UNAVAILABLE
    plain = PLAIN[STATUSES[code]]
    return CoreError(code, plain.status, plain.reason, plain.message)


def _of_status(status: status_pb2.Status) -> CoreError:
    info = error_details_pb2.ErrorInfo()
    request = error_details_pb2.BadRequest()
    for detail in status.details:
        for message in (info, request):
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
    code = CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    http = STATUSES.get(code, 500)
    return CoreError(
        code=code,
        status=http,
        reason=info.reason or PLAIN[http].reason,
        message=status.message,
        field=request.field_violations[0].field if request.field_violations else "",
        metadata=dict(info.metadata),
    )
