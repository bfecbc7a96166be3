"""Owns the gRPC side: read the request, do it, answer.

Never holds a rule of the domain.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
from carillon.delivery.v1 import control_service_pb2 as control
from carillon.delivery.v1 import delivery_service_pb2 as api
from carillon.delivery.v1.control_service_pb2_grpc import ControlServiceServicer
from carillon.delivery.v1.delivery_pb2 import Reconciliation, VapidKey
from carillon.delivery.v1.delivery_service_pb2_grpc import DeliveryServiceServicer
from carillon.events.v1.message_outcomes_pb2 import OutcomeBatch
from carillon.events.v1.run_ended_pb2 import RunEnded
from carillon.feeds.v1 import outcome_feed_service_pb2 as feed
from carillon.feeds.v1.outcome_feed_service_pb2_grpc import OutcomeFeedServiceServicer

from services import names
from services.delivery import claim_repository, run_repository
from services.delivery.messages import milliseconds
from services.delivery.reconciliation import Reconciler
from services.delivery.run_repository import RunRow
from services.delivery.vapid_keys import VapidKeys
from services.projects import Projects
from services.runtime.database import Database, Transaction
from services.runtime.errors import Invalid, NotFound
from services.runtime.identity import current_caller

STREAMED_AT_ONCE = 1000
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


class OutcomeFeed(OutcomeFeedServiceServicer):
    """carillon.feeds.v1.OutcomeFeedService: the facts of message-outcomes and run-ended, a second time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def BatchGetEndedRuns(
        self, request: feed.BatchGetEndedRunsRequest, context: Context
    ) -> feed.BatchGetEndedRunsResponse:
        """Those that have ended."""
        facts = await self._database.transaction(lambda tx: run_repository.ended_facts(tx, request.runs))
        return feed.BatchGetEndedRunsResponse(runs=[RunEnded.FromString(fact) for fact in facts])

    async def StreamOutcomes(
        self, request: feed.StreamOutcomesRequest, context: Context
    ) -> AsyncIterator[feed.StreamOutcomesResponse]:
        """All final messages of a run, chunk by chunk."""
        run = await self._database.transaction(lambda tx: run_repository.find_run(tx, request.run))
        batch, position = -1, -1
        while run is not None:

            async def work(tx: Transaction, batch: int = batch, position: int = position) -> list[asyncpg.Record]:
                return await claim_repository.outcomes_after(
                    tx, request.run, batch=batch, position=position, limit=STREAMED_AT_ONCE
                )

            rows = await self._database.transaction(work)
            for part in _by_batch(rows):
                yield feed.StreamOutcomesResponse(batch=_batch(run, part))
            if len(rows) < STREAMED_AT_ONCE:
                return
            batch, position = rows[-1]["batch"], rows[-1]["position"]


def _by_batch(rows: Sequence[asyncpg.Record]) -> list[list[asyncpg.Record]]:
    parts: dict[int, list[asyncpg.Record]] = {}
    for row in rows:
        parts.setdefault(row["batch"], []).append(row)
    return list(parts.values())


def _batch(run: RunRow, rows: Sequence[asyncpg.Record]) -> OutcomeBatch:
    words = {"": 0}
    for row in rows:
        words.setdefault(row["reason"], len(words))
    return OutcomeBatch(
        tenant=run.tenant,
        campaign=run.campaign,
        run=run.id,
        batch=rows[0]["batch"],
        positions=[row["position"] for row in rows],
        states=[row["state"] for row in rows],
        reason_words=list(words),
        reasons=[words[row["reason"]] for row in rows],
        contacts=b"".join([row["contact"] for row in rows]),
        times=[milliseconds(row["final_at"]) for row in rows],
        channels=[row["channel"] for row in rows],
    )
