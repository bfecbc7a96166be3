"""Owns that the same answer is the same bytes, whichever process writes it: maps go by the order of their keys.

Never changes an answer. Without this, protobuf writes a map in an order that each process draws anew, and a repeated
Idempotency-Key would be answered differently after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message


def written(message: Message) -> bytes:
    """The message's bytes."""
    return message.SerializeToString(deterministic=True)


class _Handlers(grpc.GenericRpcHandler):
    """The methods of one service, with another serializer."""

    def __init__(self, inner: grpc.GenericRpcHandler) -> None:
        self._inner = inner

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        handler = self._inner.service(handler_call_details)
        return handler and handler._replace(response_serializer=written)


class _Registering:
    """What generated code takes for a server."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self._server.add_generic_rpc_handlers([_Handlers(handler) for handler in handlers])

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """A second way to the same methods, which would go around this one."""


def add(register: Callable[[Any, Any], None], servicer: Any, server: grpc.aio.Server) -> None:
    """Add a servicer as `register`, its generated `add_…_to_server`, would."""
    register(servicer, _Registering(server))
