"""Pause, resume and cancel: the intent first, then delivery, then the truth; and whatever can be lost on the way."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import random
from collections.abc import AsyncIterator

import grpc
import pytest
from carillon.delivery.v1.control_service_pb2 import SetControlRequest

from services.campaigns import commands as commands_module
from services.campaigns.commands import CONTROL, REPEAT_AFTER, STEPS
from services.campaigns.domain.campaign import SENDING, Campaign, State
from services.campaigns.domain.run import RunState
from services.runtime import ids
from services.runtime.database import Database
from services.runtime.errors import Conflict, NotFound, Unavailable
from services.runtime.identity import Caller
from tests.integration.campaigns.delivery_server import DeliveryServer
from tests.integration.campaigns.operators import Operators
from tests.integration.wire import Wire

PAUSED, ACTIVE, CANCELLED = CONTROL[State.PAUSED], CONTROL[State.ACTIVE], CONTROL[State.CANCELLED]


@pytest.fixture
async def wire(delivery: DeliveryServer) -> AsyncIterator[Wire]:
    """The wire to delivery."""
    async with Wire(f"127.0.0.1:{delivery.port}") as wire:
        yield wire


@pytest.fixture
async def far_away(database: Database, wire: Wire) -> AsyncIterator[Operators]:
    """Operators whose answers can be lost."""
    operators = Operators(database, delivery=f"127.0.0.1:{wire.port}")
    yield operators
    await operators.close()


@pytest.fixture
async def unreachable(database: Database) -> AsyncIterator[Operators]:
    """Operators whose delivery is not running."""
    operators = Operators(database)
    yield operators
    await operators.close()


def lose_answers(delivery: DeliveryServer, wire: Wire) -> None:
    """What delivery has stored, nobody hears of."""

    async def cut(_: SetControlRequest) -> None:
        wire.cut()

    delivery.on_answer = cut


async def answer_again(delivery: DeliveryServer, wire: Wire, operators: Operators) -> None:
    """Delivery is heard again, and so much later that unanswered commands are repeated."""

    async def nothing(_: SetControlRequest) -> None:
        return None

    delivery.on_answer = nothing
    wire.heal()
    operators.clock.ahead += REPEAT_AFTER + datetime.timedelta(seconds=1)
    await operators._channel.channel_ready()


def test_every_state_that_can_be_wanted_has_its_control_and_its_step() -> None:
    assert set(CONTROL) == set(STEPS)
    assert len(set(CONTROL.values())) == len(CONTROL)


async def test_the_intent_is_committed_before_delivery_is_called(
    operators: Operators, delivery: DeliveryServer
) -> None:
    campaign = await operators.launch()
    seen: list[Campaign] = []

    async def look(_: SetControlRequest) -> None:
        seen.append(await operators.row(campaign))

    delivery.on_receipt = look
    paused = await operators.order(campaign, State.PAUSED)

    assert [(row.state, row.wanted, row.epoch) for row in seen] == [(State.ACTIVE, State.PAUSED, 1)]
    assert (paused.state, paused.wanted) == (State.PAUSED, None)


@pytest.mark.parametrize(
    ("first", "wanted"),
    [(None, State.PAUSED), (State.PAUSED, State.ACTIVE), (None, State.CANCELLED), (State.PAUSED, State.CANCELLED)],
)
async def test_what_delivery_has_answered_is_true_and_is_told(
    operators: Operators, delivery: DeliveryServer, first: State | None, wanted: State
) -> None:
    campaign = await operators.launch()
    if first:
        await operators.order(campaign, first)

    answered = await operators.order(campaign, wanted)

    assert delivery.stored[campaign.id][1] == CONTROL[wanted]
    assert answered.state is (await operators.row(campaign)).state is wanted
    assert (await operators.last_told(campaign))[0] is wanted


async def test_an_order_that_surely_was_not_received_changes_nothing(unreachable: Operators) -> None:
    campaign = await unreachable.launch()
    told = len(await unreachable.told(campaign))

    with pytest.raises(Unavailable):
        await unreachable.order(campaign, State.PAUSED)

    row = await unreachable.row(campaign)
    assert (row.state, row.wanted, row.etag) == (State.ACTIVE, None, campaign.etag)
    assert len(await unreachable.told(campaign)) == told
    await unreachable.commands.repeat_unanswered()  # there is nothing to repeat: nobody to tell is no problem


async def test_an_order_whose_answer_is_lost_is_repeated_with_its_epoch_until_answered_and_then_true(
    far_away: Operators, delivery: DeliveryServer, wire: Wire
) -> None:
    campaign = await far_away.launch()
    lose_answers(delivery, wire)

    with pytest.raises(Unavailable):
        await far_away.order(campaign, State.PAUSED)
    unanswered = await far_away.row(campaign)
    await answer_again(delivery, wire, far_away)
    lose_answers(delivery, wire)
    with pytest.raises(grpc.aio.AioRpcError):
        await far_away.commands.repeat_unanswered()
    still_unanswered = await far_away.row(campaign)
    await answer_again(delivery, wire, far_away)
    await far_away.commands.repeat_unanswered()

    assert delivery.told == [(1, PAUSED)] * 3
    for row in (unanswered, still_unanswered):
        assert (row.state, row.wanted) == (State.ACTIVE, State.PAUSED)
    answered = await far_away.row(campaign)
    assert (answered.state, answered.wanted) == (State.PAUSED, None)
    assert (await far_away.last_told(campaign))[0] is State.PAUSED


async def test_an_order_is_not_repeated_while_its_answer_may_still_come(
    far_away: Operators, delivery: DeliveryServer, wire: Wire
) -> None:
    campaign = await far_away.launch()
    lose_answers(delivery, wire)
    with pytest.raises(Unavailable):
        await far_away.order(campaign, State.PAUSED)
    wire.heal()

    await far_away.commands.repeat_unanswered()

    assert delivery.told == [(1, PAUSED)]


async def test_a_delivery_that_does_not_answer_in_time_has_perhaps_heard(
    operators: Operators, delivery: DeliveryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands_module, "SECONDS", 0.1)
    campaign = await operators.launch()

    async def dawdle(_: SetControlRequest) -> None:
        await asyncio.sleep(1)

    delivery.on_answer = dawdle
    with pytest.raises(Unavailable):
        await operators.order(campaign, State.CANCELLED)

    assert (await operators.row(campaign)).wanted is State.CANCELLED


async def test_an_operator_who_goes_away_leaves_an_order_that_is_repeated(
    operators: Operators, delivery: DeliveryServer
) -> None:
    campaign = await operators.launch()
    heard = asyncio.Event()

    async def hang(_: SetControlRequest) -> None:
        heard.set()
        await asyncio.sleep(1)

    delivery.on_answer = hang
    going = asyncio.create_task(operators.order(campaign, State.PAUSED))
    await heard.wait()
    going.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await going
    delivery.on_answer = delivery.on_receipt
    operators.clock.ahead = REPEAT_AFTER + datetime.timedelta(seconds=1)
    await operators.commands.repeat_unanswered()

    assert delivery.told == [(1, PAUSED), (1, PAUSED)]
    assert (await operators.row(campaign)).state is State.PAUSED


async def test_no_epoch_is_ever_used_twice_for_different_orders(
    far_away: Operators, delivery: DeliveryServer, wire: Wire
) -> None:
    campaign = await far_away.launch()

    await far_away.order(campaign, State.PAUSED)
    wire.cut()
    for _ in range(3):  # the first finds the connection broken, the others find nobody
        with pytest.raises(Unavailable):
            await far_away.order(campaign, State.ACTIVE)
    await answer_again(delivery, wire, far_away)
    await far_away.order(campaign, State.CANCELLED)

    orders = dict(delivery.told)
    assert len(orders) == len(set(delivery.told))
    # 7 where the first one's answer may have been lost: what is in doubt is wanted again, under epochs of its own.
    assert delivery.told[-1] == (max(orders), CANCELLED)
    assert max(orders) in (5, 7)


async def test_an_unanswered_pause_is_not_forgotten_when_a_later_order_is_withdrawn(
    far_away: Operators, delivery: DeliveryServer, wire: Wire
) -> None:
    campaign = await far_away.launch()
    lose_answers(delivery, wire)
    with pytest.raises(Unavailable):
        await far_away.order(campaign, State.PAUSED)
    await _until_nobody_is_there(far_away)

    with pytest.raises(Unavailable):
        await far_away.order(campaign, State.ACTIVE)
    await answer_again(delivery, wire, far_away)
    await far_away.commands.repeat_unanswered()

    row = await far_away.row(campaign)
    assert delivery.stored[campaign.id][1] == CONTROL[row.state], "delivery holds what campaigns shows as going on"
    assert (row.state, row.wanted) == (State.PAUSED, None)
    assert len(dict(delivery.told)) == len(set(delivery.told)), "an epoch was used for two orders"


async def _until_nobody_is_there(operators: Operators) -> None:
    """The channel has noticed that its connection is broken, and that there is no other."""
    while operators._channel.get_state(try_to_connect=True) is not grpc.ChannelConnectivity.TRANSIENT_FAILURE:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("later", [State.PAUSED, State.ACTIVE])
async def test_what_is_being_cancelled_can_be_neither_held_nor_resumed(
    far_away: Operators, delivery: DeliveryServer, wire: Wire, later: State
) -> None:
    campaign = await far_away.launch()
    lose_answers(delivery, wire)
    with pytest.raises(Unavailable):
        await far_away.order(campaign, State.CANCELLED)
    await answer_again(delivery, wire, far_away)

    with pytest.raises(Conflict) as refused:
        await far_away.order(campaign, later)
    cancelled = await far_away.order(campaign, State.CANCELLED)

    assert refused.value.reason in ("CAMPAIGN_NOT_PAUSABLE", "CAMPAIGN_NOT_RESUMABLE")
    assert cancelled.state is State.CANCELLED
    assert {state for _, state in delivery.told} == {CANCELLED}


async def test_a_run_that_ends_as_cancelled_ends_its_campaign_as_cancelled_though_the_answer_was_lost(
    far_away: Operators, delivery: DeliveryServer, wire: Wire
) -> None:
    campaign = await far_away.launch()
    lose_answers(delivery, wire)
    with pytest.raises(Unavailable):
        await far_away.order(campaign, State.CANCELLED)

    await far_away.freeze_run(campaign)
    await far_away.end_run(campaign, RunState.CANCELLED)

    row = await far_away.row(campaign)
    assert (row.state, row.wanted, row.final) == (State.CANCELLED, None, True)


async def test_a_hold_that_nobody_answered_does_not_outlive_its_campaign(
    far_away: Operators, delivery: DeliveryServer, wire: Wire
) -> None:
    campaign = await far_away.launch()
    lose_answers(delivery, wire)
    with pytest.raises(Unavailable):
        await far_away.order(campaign, State.PAUSED)

    await far_away.freeze_run(campaign)
    await far_away.end_run(campaign)
    await answer_again(delivery, wire, far_away)
    await far_away.commands.repeat_unanswered()

    row = await far_away.row(campaign)
    assert (row.state, row.wanted, row.final) == (State.COMPLETED, None, True)


async def test_an_answer_that_comes_after_the_end_changes_nothing(
    operators: Operators, delivery: DeliveryServer
) -> None:
    campaign = await operators.launch()

    async def end_meanwhile(_: SetControlRequest) -> None:
        await operators.freeze_run(campaign)
        await operators.end_run(campaign)

    delivery.on_receipt = end_meanwhile
    answered = await operators.order(campaign, State.PAUSED)

    assert answered.state is (await operators.row(campaign)).state is State.COMPLETED


async def test_operators_at_once_end_in_one_order(operators: Operators, delivery: DeliveryServer) -> None:
    chance = random.Random(20261121)
    campaign = await operators.launch()

    async def jitter(_: SetControlRequest) -> None:
        await asyncio.sleep(chance.random() / 50)

    delivery.on_receipt = delivery.on_answer = jitter
    wishes = [chance.choice([State.PAUSED, State.ACTIVE]) for _ in range(24)]
    await asyncio.gather(*(operators.order(campaign, wish) for wish in wishes))

    row = await operators.row(campaign)
    assert row.wanted is None
    assert delivery.stored[campaign.id] == (row.epoch, CONTROL[row.state])
    assert len(dict(delivery.told)) == len(delivery.told), "an epoch was used for two orders"
    assert (await operators.last_told(campaign))[0] is row.state


async def test_two_cancels_at_once_are_answered_alike_though_the_run_ends_meanwhile(
    operators: Operators, delivery: DeliveryServer
) -> None:
    campaign = await operators.launch()
    both_intend, first_is_answered = asyncio.Event(), asyncio.Event()

    async def overlap(request: SetControlRequest) -> None:
        if request.epoch == 1:
            await both_intend.wait()
            return
        both_intend.set()
        await first_is_answered.wait()
        await operators.freeze_run(campaign)
        await operators.end_run(campaign)

    delivery.on_receipt = overlap
    first = asyncio.create_task(operators.order(campaign, State.CANCELLED))
    await asyncio.sleep(0.1)
    second = asyncio.create_task(operators.order(campaign, State.CANCELLED))
    answers = [(await first).state]
    first_is_answered.set()
    answers.append((await second).state)

    assert answers == [State.CANCELLED, State.CANCELLED]
    assert (await operators.row(campaign)).state is State.CANCELLED


async def test_said_twice_is_told_once(operators: Operators, delivery: DeliveryServer) -> None:
    campaign = await operators.launch()

    await operators.order(campaign, State.PAUSED)
    again = await operators.order(campaign, State.PAUSED)

    assert again.state is State.PAUSED
    assert delivery.told == [(1, PAUSED)]


async def test_a_draft_is_cancelled_without_telling_anybody_but_the_listeners(
    operators: Operators, delivery: DeliveryServer
) -> None:
    draft = await operators.create()

    cancelled = await operators.order(draft, State.CANCELLED)

    assert (cancelled.state, cancelled.final) == (State.CANCELLED, True)
    assert delivery.told == []
    assert await operators.last_told(draft) == (State.CANCELLED, True, 0)


@pytest.mark.parametrize("wanted", [State.PAUSED, State.ACTIVE])
async def test_what_does_not_go_on_can_be_neither_held_nor_resumed(
    operators: Operators, delivery: DeliveryServer, wanted: State
) -> None:
    draft = await operators.create()

    with pytest.raises(Conflict) as refused:
        await operators.order(draft, wanted)

    assert refused.value.metadata == {"state": "DRAFT"}
    assert (await operators.row(draft)).epoch == 0
    assert delivery.told == []


@pytest.mark.parametrize("wanted", SENDING | {State.CANCELLED}, ids=lambda state: state.name)
async def test_nobody_commands_what_is_not_his(operators: Operators, delivery: DeliveryServer, wanted: State) -> None:
    campaign = await operators.launch()
    stranger = Caller(organization=ids.new_id(), subject="key:2")
    limited = Caller(operators.caller.organization, subject="key:3", projects=frozenset({ids.new_id()}))

    for caller, project in ((stranger, None), (limited, None), (operators.caller, ids.new_id())):
        with pytest.raises(NotFound):
            await operators.commands.carry_out(caller=caller, project=project, campaign=campaign.id, wanted=wanted)

    row = await operators.row(campaign)
    assert (row.state, row.epoch) == (State.ACTIVE, 0)
    assert delivery.told == []
