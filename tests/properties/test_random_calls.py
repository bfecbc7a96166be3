"""Two clients at once call at random, and ReachBell's rules explain every answer.

PROPERTY_RUNS and PROPERTY_STEPS say how much: all of it is played, however long that takes. PROPERTY_SEED draws the
same calls again, and PROPERTY_RUN plays one of its runs alone.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from tests.properties.game import Board, Game
from tests.properties.oracle import Oracle
from tests.properties.rules import REACHBELL, Rules
from tests.stacks import Running
from tools.workspace import Workspace

AT_ONCE = 16  # runs, each with two clients
TELL = Callable[[str], None]

pytestmark = pytest.mark.timeout(3600)


@dataclass(frozen=True)
class Extent:
    """How much is played."""

    seed: str
    runs: range
    steps: int

    @classmethod
    def of_environment(cls) -> Extent:
        seed = os.environ.get("PROPERTY_SEED") or str(secrets.randbelow(10**9))
        runs = int(os.environ.get("PROPERTY_RUNS", "500"))
        one = os.environ.get("PROPERTY_RUN")
        steps = int(os.environ.get("PROPERTY_STEPS", "50"))
        return cls(seed, range(int(one), int(one) + 1) if one else range(runs), steps)


@pytest.fixture
async def board(stack: Running, workspace: Workspace) -> AsyncIterator[Board]:
    board = await Board.set_up(stack.described, workspace)
    yield board
    await board.close()


async def test_two_clients_at_once_are_answered_by_the_rules_of_the_document(
    board: Board, capsys: pytest.CaptureFixture[str]
) -> None:
    extent = Extent.of_environment()
    began = time.monotonic()

    played = await _play(board, REACHBELL, extent)

    with capsys.disabled():
        runs, calls = len(played), sum(played)
        print(
            f"\nproperties: seed {extent.seed}, {runs} runs of {extent.steps} steps, {calls:,} calls"
            f" in {time.monotonic() - began:.0f} s"
        )
    assert len(played) == len(extent.runs)
    assert calls >= 2 * extent.steps * runs


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(replace(REACHBELL, deletable=REACHBELL.deletable - {"scheduled"}), id="scheduled ones stay"),
        pytest.param(replace(REACHBELL, editable=REACHBELL.editable | {"scheduled"}), id="scheduled ones are edited"),
        pytest.param(replace(REACHBELL, repeatable=frozenset({"sent"})), id="cancelled ones are not sent again"),
        pytest.param(replace(REACHBELL, merged=frozenset({"utm"})), id="a PATCH replaces the content"),
        pytest.param(replace(REACHBELL, counted=frozenset({"failed"})), id="queued counts only failures"),
    ],
)
async def test_an_oracle_with_a_wrong_rule_is_found_out(board: Board, wrong: Rules) -> None:
    with pytest.raises(AssertionError, match="nothing explains step"):
        await _play(board, wrong, Extent(seed="wrong", runs=range(30), steps=50))


async def _play(board: Board, rules: Rules, extent: Extent) -> list[int]:
    """The calls made in each run. Raises what the first run that fails raises."""
    oracle = Oracle(rules)
    to_play: Iterator[int] = iter(extent.runs)
    played: list[int] = []

    async def play_on() -> None:
        for run in to_play:
            game = await Game.begin(board, oracle, seed=f"{extent.seed}/{run}")
            await game.play(steps=extent.steps)
            played.append(game.calls)

    players = [asyncio.create_task(play_on()) for _ in range(AT_ONCE)]
    try:
        await asyncio.gather(*players)
    finally:
        for player in players:
            player.cancel()
        await asyncio.gather(*players, return_exceptions=True)
    return played
