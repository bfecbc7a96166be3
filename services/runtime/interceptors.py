"""Owns what happens around every call: who calls, which request it is, how errors leave, how long it took.

Never lets anything internal out: an exception that is not a DomainError is INTERNAL with a sentence of ours, and its
stack goes to the log. A DomainError is mapped here and nowhere else (google.rpc.Status with ErrorInfo, AIP-193).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import grpc
import structlog
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from services.runtime import ids, metrics
from services.runtime.errors import (
    Conflict,
    DomainError,
    Exhausted,
    Forbidden,
    Invalid,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from services.runtime.idempotency import METADATA_KEY as IDEMPOTENCY_KEY
from services.runtime.idempotency import Idempotency, Once
from services.runtime.identity import METADATA_KEY, IdentityTokens, bind_caller, current_caller

log = structlog.get_logger()

DOMAIN = "carillon"
DETAILS_KEY = "grpc-status-details-bin"
LONGEST = 300  # characters of each text in an error: it travels as metadata, which has 8 kB in all
REQUEST_ID_KEY = "x-request-id"
OPEN_PREFIXES = (
    "/grpc.health.",
    "/grpc.reflection.",
    "/envoy.service.auth.",
    "/carillon.delivery.v1.PublicService/",  # strangers call these two; whoever they are, they get what anybody gets
    "/carillon.segments.v1.PublicSubscriptionService/",
)
INTERNAL_PREFIXES = ("/carillon.feeds.", "/carillon.delivery.v1.ControlService/")

CODES: dict[type[DomainError], grpc.StatusCode] = {
    Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    Conflict: grpc.StatusCode.ABORTED,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    Exhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
}


class Undecodable:
    """Stands for a request whose bytes are not its message."""


def status_of(error: DomainError) -> status_pb2.Status:
    """The google.rpc.Status of an error."""
    message, metadata = error.message[:LONGEST], {key: value[:LONGEST] for key, value in error.metadata.items()}
    status = status_pb2.Status(code=CODES[type(error)].value[0], message=message)
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    status.details.append(_packed(info))
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field[:LONGEST], description=message)
        status.details.append(_packed(error_details_pb2.BadRequest(field_violations=[violation])))
    return status


def _packed(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every method of a server."""

    def __init__(self, tokens: IdentityTokens, idempotency: Idempotency | None = None) -> None:
        self._tokens = tokens
        self._idempotency = idempotency

    async def intercept_service(self, continuation: Any, details: grpc.HandlerCallDetails) -> Any:
        """Wrap the handler, unary or streaming."""
        handler = await continuation(details)
        if handler is None:
            return None
        decode = _tolerant(handler.request_deserializer)
        if handler.request_streaming:
            return handler  # none of ours; reflection is one
        if handler.response_streaming:
            wrapped = self._stream(details.method, handler.unary_stream)
            return grpc.unary_stream_rpc_method_handler(wrapped, decode, _same_bytes)
        wrapped_unary = self._unary(details.method, handler.unary_unary)
        return grpc.unary_unary_rpc_method_handler(wrapped_unary, decode, _same_bytes)

    def _unary(self, method: str, behavior: Any) -> Any:
        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            started = time.monotonic()
            try:
                once = self._once(method, request, self._enter(method, request, context))
                if once is None or self._idempotency is None:
                    answer = await behavior(request, context)
                else:
                    answer = await self._idempotency.give(once, lambda: behavior(request, context))
                metrics.RPCS.labels(method=method, code="OK").inc()
                return answer
            except (DomainError, grpc.aio.AioRpcError) as error:
                await _abort(context, method, error)
            except Exception as error:
                if isinstance(error, grpc.aio.AbortError):
                    raise
                await _abort_unexpected(context, method)
            finally:
                metrics.RPC_SECONDS.labels(method=method).observe(time.monotonic() - started)

        return call

    def _once(self, method: str, request: Any, metadata: Mapping[str, Any]) -> Once | None:
        if self._idempotency is None or IDEMPOTENCY_KEY not in metadata:
            return None
        return self._idempotency.once_of(metadata, method=method, caller=current_caller(), request=request)

    def _stream(self, method: str, behavior: Any) -> Any:
        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            try:
                self._enter(method, request, context)
                async for answer in behavior(request, context):
                    yield answer
                metrics.RPCS.labels(method=method, code="OK").inc()
            except (DomainError, grpc.aio.AioRpcError) as error:
                await _abort(context, method, error)
            except Exception as error:
                if isinstance(error, grpc.aio.AbortError):
                    raise
                await _abort_unexpected(context, method)

        return call

    def _enter(self, method: str, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> dict[str, Any]:
        metadata = dict(context.invocation_metadata() or ())
        structlog.contextvars.bind_contextvars(
            request_id=str(metadata.get(REQUEST_ID_KEY) or ids.new_id().hex()), method=method
        )
        if not method.startswith(OPEN_PREFIXES):
            self._identify(method, str(metadata.get(METADATA_KEY, "")))
        if isinstance(request, Undecodable):
            raise Invalid("REQUEST_UNDECODABLE", "The request is not what the method takes.")
        return metadata

    def _identify(self, method: str, token: str) -> None:
        caller = self._tokens.verify(token)
        if method.startswith(INTERNAL_PREFIXES) and not caller.is_service:
            raise Forbidden("INTERNAL_METHOD", "This method is for Carillon's own services.")
        bind_caller(caller)


def _same_bytes(answer: Message | bytes) -> bytes:
    """Maps in the order of their keys: each process draws another, and a kept answer must be the same from all."""
    return answer if isinstance(answer, bytes) else answer.SerializeToString(deterministic=True)


def _tolerant(deserializer: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    if deserializer is None:
        return None

    def decode(raw: bytes) -> Any:
        try:
            return deserializer(raw)
        except Exception:  # whatever it is, grpc.aio would answer UNKNOWN with its text
            return Undecodable()

    return decode


async def _abort(
    context: grpc.aio.ServicerContext[Any, Any], method: str, error: DomainError | grpc.aio.AioRpcError
) -> None:
    if isinstance(error, DomainError):
        status = status_of(error)
        code = CODES[type(error)]
    else:
        status, code = _status_of_peer(error)
    metrics.RPCS.labels(method=method, code=code.name).inc()
    if code is grpc.StatusCode.UNAVAILABLE:
        log.warning("unavailable", problem=str(error.__cause__ or error))
    await context.abort(code, status.message, ((DETAILS_KEY, status.SerializeToString()),))


def _status_of_peer(error: grpc.aio.AioRpcError) -> tuple[status_pb2.Status, grpc.StatusCode]:
    """A peer's own refusal passes through; a peer that is down, or failed, is Unavailable."""
    raw = dict(error.trailing_metadata() or ()).get(DETAILS_KEY)
    if raw and error.code() is not grpc.StatusCode.INTERNAL:
        return status_pb2.Status.FromString(raw), error.code()  # type: ignore[arg-type]
    return status_of(Unavailable("PEER_UNAVAILABLE", "A part is restarting; try again.")), grpc.StatusCode.UNAVAILABLE


async def _abort_unexpected(context: grpc.aio.ServicerContext[Any, Any], method: str) -> None:
    log.exception("call failed", method=method)
    metrics.RPCS.labels(method=method, code="INTERNAL").inc()
    status = status_pb2.Status(code=grpc.StatusCode.INTERNAL.value[0], message="Something went wrong on our side.")
    await context.abort(grpc.StatusCode.INTERNAL, status.message, ((DETAILS_KEY, status.SerializeToString()),))
