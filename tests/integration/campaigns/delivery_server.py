"""Owns the other end of a command: a real gRPC server that stores what it is told, as delivery does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from carillon.delivery.v1.control_service_pb2 import SetControlRequest, SetControlResponse
from carillon.delivery.v1.control_service_pb2_grpc import ControlServiceServicer, add_ControlServiceServicer_to_server

Hook = Callable[[SetControlRequest], Awaitable[None]]


async def _nothing(_: SetControlRequest) -> None:
    return None


class DeliveryServer(ControlServiceServicer):
    """The highest epoch wins. `on_receipt` happens before the request is stored, `on_answer` after it."""

    def __init__(self) -> None:
        self.on_receipt: Hook = _nothing
        self.on_answer: Hook = _nothing
        self.told: list[tuple[int, int]] = []  # (epoch, state) as they came
        self.stored: dict[bytes, tuple[int, int]] = {}  # campaign → (epoch, state)
        self._server = grpc.aio.server()
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        add_ControlServiceServicer_to_server(self, self._server)

    async def __aenter__(self) -> DeliveryServer:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(None)

    async def SetControl(self, request: SetControlRequest, context: Any) -> SetControlResponse:
        self.told.append((request.epoch, request.state))
        await self.on_receipt(request)
        known = self.stored.get(request.campaign, (0, 0))
        self.stored[request.campaign] = max(known, (request.epoch, request.state))
        await self.on_answer(request)
        epoch, state = self.stored[request.campaign]
        return SetControlResponse(epoch=epoch, state=state)  # type: ignore[arg-type]
