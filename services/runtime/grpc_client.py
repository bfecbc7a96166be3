"""Owns how one of our processes calls another: a channel that finds a restarted peer, an identity on every call.

A call without a deadline gets one. Calls carry the current caller where there is one, else this service's own name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import structlog

from services.runtime.errors import Unauthenticated
from services.runtime.identity import METADATA_KEY, SERVICE_SUBJECT, Caller, IdentityTokens, current_caller

UNARY_SECONDS = 8.0
OPTIONS = (
    ("grpc.max_receive_message_length", 8 * 1024 * 1024),
    ("grpc.max_send_message_length", 8 * 1024 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # how long an attempt may take, whatever its name says
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.enable_retries", 0),
)


class _Identified:
    def __init__(self, tokens: IdentityTokens, service: str) -> None:
        self._tokens = tokens
        self._own = Caller(organization=b"", subject=SERVICE_SUBJECT + service)

    def details(self, details: grpc.aio.ClientCallDetails, *, seconds: float | None) -> grpc.aio.ClientCallDetails:
        """The same call with an identity, the request's id and a deadline."""
        try:
            caller = current_caller()
        except Unauthenticated:
            caller = self._own
        method = details.method if isinstance(details.method, str) else details.method.decode()
        if method.startswith(("/carillon.feeds.", "/carillon.delivery.v1.ControlService/")):
            caller = self._own
        metadata = grpc.aio.Metadata(*(details.metadata or ()))
        metadata.add(METADATA_KEY, self._tokens.sign(caller))
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        if request_id:
            metadata.add("x-request-id", request_id)
        return grpc.aio.ClientCallDetails(
            details.method, details.timeout or seconds, metadata, details.credentials, details.wait_for_ready
        )


class _Unary(_Identified, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self.details(client_call_details, seconds=UNARY_SECONDS), request)


class _Stream(_Identified, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self.details(client_call_details, seconds=None), request)


def open_channel(
    address: str, *, tokens: IdentityTokens, service: str, outermost: Sequence[grpc.aio.ClientInterceptor] = ()
) -> grpc.aio.Channel:
    """A channel to a peer; `service` is the caller's own name, `outermost` what it puts around every call."""
    return grpc.aio.insecure_channel(
        address, options=OPTIONS, interceptors=[*outermost, _Unary(tokens, service), _Stream(tokens, service)]
    )
