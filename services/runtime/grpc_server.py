"""Owns how a gRPC server of ours is set up: limits, health, reflection, the call interceptor, ordered stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.runtime.idempotency import Idempotency
from services.runtime.identity import IdentityTokens
from services.runtime.interceptors import CallInterceptor
from services.runtime.settings import Address

OPTIONS = (
    ("grpc.max_receive_message_length", 8 * 1024 * 1024),
    ("grpc.max_send_message_length", 8 * 1024 * 1024),
    # Envoy's keepalive pings end a quiet stream at grpcio's defaults.
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    ("grpc.so_reuseport", 1),
)
STOP_GRACE_SECONDS = 3.0


class GrpcServer:
    """A server of some services on one address."""

    def __init__(
        self,
        *,
        listen: Address,
        tokens: IdentityTokens,
        services: Sequence[str],
        register: Callable[[grpc.aio.Server], None],
        idempotency: Idempotency | None = None,
    ) -> None:
        self._listen = listen
        self._tokens = tokens
        self._services = services
        self._register = register
        self._idempotency = idempotency
        self._server: grpc.aio.Server | None = None
        self._health = health.aio.HealthServicer()

    async def start(self) -> None:
        """Listen and answer SERVING."""
        server = grpc.aio.server(interceptors=[CallInterceptor(self._tokens, self._idempotency)], options=OPTIONS)
        self._register(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection([*self._services, reflection.SERVICE_NAME], server)
        server.add_insecure_port(self._listen)
        await server.start()
        await self._set(health_pb2.HealthCheckResponse.SERVING)
        self._server = server

    async def stop(self) -> None:
        """Answer NOT_SERVING, let calls finish, then close."""
        if self._server:
            await self._set(health_pb2.HealthCheckResponse.NOT_SERVING)
            await self._server.stop(STOP_GRACE_SECONDS)

    async def _set(self, status: Any) -> None:
        for service in ("", *self._services):
            await self._health.set(service, status)
