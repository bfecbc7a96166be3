"""Three short seeds of `make chaos`: whatever is killed, frozen, cut or lost, every promise is kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.schedule import LONG, SHORT, Kind, Plan, make_schedule
from tests.chaos.seed import Seed
from tests.chaos.ways import Way
from tests.stacks import own_stack
from tools.stack.stack import Stack

SEEDS = ((1, Way.PUSH), (2, Way.PUSH_AND_HTTP), (4, Way.EMAIL))


@pytest.fixture(scope="module")
def disturbed() -> Iterator[Stack]:
    """A stack for all of them, one after the other: what an earlier one left behind is part of the game."""
    with own_stack(delivery_processes=2) as stack:
        yield stack


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("seed", "way"), SEEDS)
async def test_nobody_is_lost_nobody_is_messaged_twice_and_every_number_adds_up(
    disturbed: Stack, seed: int, way: Way
) -> None:
    result = await Seed(disturbed, seed=seed, plan=SHORT, way=way, say=print).run()

    assert result.violations == []
    assert result.faults_while_sending >= SHORT.kills, "the campaign ended too early to prove anything"


@pytest.mark.parametrize("plan", [SHORT, LONG])
def test_a_seed_is_a_schedule_and_another_is_another(
    plan: Plan,
) -> None:
    one, same, another = make_schedule(1, plan), make_schedule(1, plan), make_schedule(2, plan)

    assert one == same
    assert one != another
    assert sum(fault.kind is Kind.KILL for fault in one) == plan.kills
    assert len(one) == plan.faults
