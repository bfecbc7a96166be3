"""Owns the gRPC side: read the request, do it, answer.

Never holds a rule of the domain.
"""

from __future__ import annotations

from typing import Any

from carillon.delivery.v1 import control_service_pb2 as control
from carillon.delivery.v1 import delivery_service_pb2 as api
from carillon.delivery.v1.control_service_pb2_grpc import ControlServiceServicer
from carillon.delivery.v1.delivery_pb2 import Reconciliation, VapidKey
from carillon.delivery.v1.delivery_service_pb2_grpc import DeliveryServiceServicer

from services import names
from services.delivery import run_repository
from services.delivery.reconciliation import Reconciler
from services.delivery.vapid_keys import VapidKeys
from services.projects import Projects
from services.runtime.database import Database, Transaction
from services.runtime.errors import Invalid, NotFound
from services.runtime.identity import current_caller

Context = Any


class DeliveryApi(DeliveryServiceServicer):
    """carillon.delivery.v1.DeliveryService."""

    def __init__(self, *, reconciler: Reconciler, keys: VapidKeys, projects: Projects) -> None:
        self._reconciler = reconciler
        self._keys = keys
        self._projects = projects

    async def Reconcile(self, request: api.ReconcileRequest, context: Context) -> Reconciliation:
        """The balance."""
        return await self._reconciler.reconcile(request.name)

    async def GetVapidKey(self, request: api.GetVapidKeyRequest, context: Context) -> VapidKey:
        """The project's public key."""
        parent, _, last = request.name.rpartition("/")
        if last != "vapidKey":
            raise NotFound("VAPID_KEY_NOT_FOUND", "There is no such key.", field="name")
        caller = current_caller()
        project = names.split_project(parent, field="name")
        await self._projects.require(caller, project, field="name")
        return VapidKey(
            name=request.name, public_key=await self._keys.public_key(tenant=caller.tenant(), project=project)
        )


class ControlApi(ControlServiceServicer):
    """carillon.delivery.v1.ControlService."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def SetControl(self, request: control.SetControlRequest, context: Context) -> control.SetControlResponse:
        """Store what is wanted; the answer leaves after the commit."""
        if request.state == control.CONTROL_STATE_UNSPECIFIED:
            raise Invalid("STATE_REQUIRED", "Say what is wanted.", field="state")

        async def work(tx: Transaction) -> tuple[int, int]:
            stored = await run_repository.set_control(
                tx,
                campaign=request.campaign,
                tenant=request.tenant,
                epoch=request.epoch,
                state=request.state,
            )
            await run_repository.wake_workers(tx)
            return stored

        epoch, state = await self._database.transaction(work)
        return control.SetControlResponse(epoch=epoch, state=state)  # type: ignore[arg-type]
