"""Owns the other end of ControlService: what campaigns tells delivery."""

from __future__ import annotations

from carillon.delivery.v1.control_service_pb2 import (
    CONTROL_STATE_ACTIVE,
    CONTROL_STATE_CANCELLED,
    CONTROL_STATE_PAUSED,
    ControlState,
    SetControlRequest,
    SetControlResponse,
)

from services.delivery.grpc_api import ControlApi
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from tests.integration.delivery.audiences import Run


class Commands:
    """What campaigns tells delivery about one campaign; every command has the next epoch."""

    def __init__(self, database: Database, run: Run) -> None:
        self._api = ControlApi(database)
        self._run = run
        self._epoch = 0

    async def pause(self) -> float:
        """Answers when it was answered, in the boot clock's seconds."""
        return await self._next(CONTROL_STATE_PAUSED)

    async def resume(self) -> float:
        """The same."""
        return await self._next(CONTROL_STATE_ACTIVE)

    async def cancel(self) -> float:
        """The same."""
        return await self._next(CONTROL_STATE_CANCELLED)

    async def say(self, epoch: int, state: ControlState) -> SetControlResponse:
        """Any command."""
        request = SetControlRequest(tenant=self._run.tenant, campaign=self._run.campaign, epoch=epoch, state=state)
        return await self._api.SetControl(request, None)

    async def _next(self, state: ControlState) -> float:
        self._epoch += 1
        await self.say(self._epoch, state)
        return SystemClock().boot_seconds()
