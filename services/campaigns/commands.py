"""Owns pause, resume and cancel: the intent is committed, delivery is told, and only its answer makes it true.

Never answers before delivery has committed. Surely not received: the intent is withdrawn and nothing changed. Answer
lost: Unavailable too, and the same epoch is repeated until it is answered, then it takes effect. Epochs are not reused.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

import grpc
import structlog
from carillon.delivery.v1.control_service_pb2 import (
    CONTROL_STATE_ACTIVE,
    CONTROL_STATE_CANCELLED,
    CONTROL_STATE_PAUSED,
    SetControlRequest,
)
from carillon.delivery.v1.control_service_pb2_grpc import ControlServiceStub

from services.campaigns import repository
from services.campaigns.domain.campaign import SENDING, TRANSITIONS, Campaign, State, Step
from services.campaigns.use_cases import announce, not_found
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Unavailable
from services.runtime.identity import Caller

log = structlog.get_logger()

REPEAT_AFTER = datetime.timedelta(seconds=3)
SECONDS = 4.0
CONTROL = {
    State.ACTIVE: CONTROL_STATE_ACTIVE,
    State.PAUSED: CONTROL_STATE_PAUSED,
    State.CANCELLED: CONTROL_STATE_CANCELLED,
}
STEPS = {State.ACTIVE: Step.RESUME, State.PAUSED: Step.PAUSE, State.CANCELLED: Step.CANCEL}
SURELY_NOT_RECEIVED = "failed to connect"  # what gRPC says when it never had a connection


@dataclass(frozen=True, slots=True)
class Order:
    """A command that delivery has to be told; None where nobody has to be told anything.

    `unanswered` is what an earlier command wanted whose answer is not known yet.
    """

    campaign: Campaign
    epoch: int | None
    unanswered: State | None = None


class Commands:
    """Pause, resume, cancel."""

    def __init__(self, *, database: Database, delivery: ControlServiceStub, clock: Clock) -> None:
        self._database = database
        self._delivery = delivery
        self._clock = clock

    async def carry_out(self, *, caller: Caller, project: bytes | None, campaign: bytes, wanted: State) -> Campaign:
        """Bring the campaign into the wanted state. Raises Conflict from a state that does not allow it."""
        order = await self._intend(caller=caller, project=project, campaign=campaign, wanted=wanted)
        if order.epoch is None:
            return order.campaign
        try:
            await self._tell(order.campaign, order.epoch, wanted)
        except grpc.aio.AioRpcError as error:
            if SURELY_NOT_RECEIVED in (error.details() or ""):
                await self._withdraw(order)
            raise Unavailable("DELIVERY_UNAVAILABLE", "Delivery is restarting; try again.") from error
        return await self._take_effect(order.campaign.id, order.epoch, wanted)

    async def repeat_unanswered(self) -> None:
        """Repeat every command whose answer was lost; called now and then."""

        async def work(tx: Transaction) -> list[Campaign]:
            return await repository.find_wanting(tx, older_than=self._clock.now() - REPEAT_AFTER)

        for campaign in await self._database.read(work):
            await self._repeat(campaign)

    async def let_go(self, campaign: bytes) -> None:
        """Tell delivery at once what a retry wants of it; where that fails it is repeated as every command is."""

        async def work(tx: Transaction) -> Campaign | None:
            return await repository.find(tx, tenant=None, campaign=campaign)

        found = await self._database.read(work)
        if found is not None and found.wanted is State.ACTIVE:
            try:
                await self._repeat(found)
            except grpc.aio.AioRpcError as error:
                log.warning("a retry waits for delivery", campaign=campaign.hex(), problem=error.details())

    async def _repeat(self, campaign: Campaign) -> None:
        wanted = campaign.wanted
        if wanted is not None:
            await self._tell(campaign, campaign.epoch, wanted)
            await self._take_effect(campaign.id, campaign.epoch, wanted)

    async def _intend(self, *, caller: Caller, project: bytes | None, campaign: bytes, wanted: State) -> Order:
        async def work(tx: Transaction) -> Order:
            found = await repository.find(tx, tenant=caller.tenant(), campaign=campaign, lock=True)
            if found is None or project not in (None, found.project) or not caller.may_use(found.project):
                raise not_found()
            was = found.state
            if was is wanted and found.wanted is None:
                return Order(found, None)
            if was not in SENDING or (was, STEPS[wanted]) not in TRANSITIONS:
                found.apply(STEPS[wanted], now=self._clock.now())  # a draft is cancelled here, the rest refused
                found.final = True
                await repository.save(tx, found)
                await announce(tx, found)
                return Order(found, None)
            if found.wanted is State.CANCELLED:  # it may have been carried out already: only another cancel is heard
                replace(found, state=State.CANCELLED).apply(STEPS[wanted], now=self._clock.now())
            unanswered = found.wanted
            epoch = found.command(wanted)
            found.updated_at = self._clock.now()
            await repository.save(tx, found)
            return Order(found, epoch, unanswered)

        return await self._database.transaction(work)

    async def _tell(self, campaign: Campaign, epoch: int, wanted: State) -> None:
        request = SetControlRequest(tenant=campaign.tenant, campaign=campaign.id, epoch=epoch, state=CONTROL[wanted])
        await self._delivery.SetControl(request, timeout=SECONDS)

    async def _take_effect(self, campaign: bytes, epoch: int, wanted: State) -> Campaign:
        """Make it true, unless the end of the run was quicker.

        Where a later command was quicker, delivery has stored both in their order, and this one is answered as it was.
        Later than a cancel only another cancel can be, and an answered one is true at once: the run's end must not come
        between the two.
        """

        async def work(tx: Transaction) -> Campaign:
            found = await repository.find(tx, tenant=None, campaign=campaign, lock=True)
            if found is None:
                raise not_found()
            if found.wanted is wanted and (found.epoch == epoch or wanted is State.CANCELLED):
                found.wanted = None
                if found.state in SENDING:
                    found.apply(STEPS[wanted], now=self._clock.now())
                    await announce(tx, found)
                await repository.save(tx, found)
            elif found.state in SENDING:
                return replace(found, state=wanted)
            return found

        return await self._database.transaction(work)

    async def _withdraw(self, order: Order) -> None:
        """Forget it; what was unanswered before it is wanted again, under an epoch of its own."""

        async def work(tx: Transaction) -> None:
            found = await repository.find(tx, tenant=None, campaign=order.campaign.id, lock=True)
            if found is not None and found.epoch == order.epoch:
                found.wanted = None
                if order.unanswered is not None and found.state in SENDING:
                    found.command(order.unanswered)
                await repository.save(tx, found)

        await self._database.transaction(work)
