"""Owns one seed from its workspace to its verdict: people, a campaign, faults while it is being sent, the end.

Never mends anything: after the last fault the stack is left alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp

from tests.chaos.disturbing import Disturber
from tests.chaos.doubt import calls_in_doubt
from tests.chaos.insisting import Insistent
from tests.chaos.operators import Operators
from tests.chaos.schedule import Plan, make_schedule
from tests.chaos.unwilling import Unwilling, choose
from tests.chaos.verdict import Verdict, judge
from tests.chaos.ways import Way, campaign_body
from tests.e2e.books import ENDED
from tests.stacks import Running, running
from tools.client import CallFailed, Client, Json
from tools.stack.stack import Stack
from tools.workspace import add_people, last_part, make_workspace

FINISHED_WITHIN = 60.0  # seconds after the last fault
LEFT_OVER = 0.1  # of the recipients, for after the last fault
LONGEST_DELAY = 4000  # milliseconds; with what a trouble adds, less than the sender's patience


@dataclass(frozen=True, slots=True)
class Result:
    """What one seed brought."""

    seed: int
    faults: int
    faults_while_sending: int
    finished_after: float  # seconds from the last fault to the campaign's end
    verdict: Verdict

    @property
    def violations(self) -> list[str]:
        """All that is wrong."""
        late = f"the campaign ended {self.finished_after:.0f} s after the last fault"
        return [*([late] if self.finished_after > FINISHED_WITHIN else []), *self.verdict.violations]


class Seed:
    """One seed on a stack that may have seen others."""

    def __init__(self, stack: Stack, *, seed: int, plan: Plan, way: Way = Way.PUSH, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._there: Running = running(stack)
        self._seed = seed
        self._plan = plan
        self._way = way
        self._messages = plan.recipients * len(way.value)
        self._say = say
        self._faults_while_sending = 0
        self._last_fault = 0.0

    async def run(self) -> Result:
        """From the workspace to the verdict."""
        described = self._there.described
        workspace = await make_workspace(described, operator_key=self._there.operator_key, display_name="Chaos")
        await add_people(described, workspace, self._plan.recipients)
        async with (
            Client(described["dialects"]["reachbell"], workspace.key_header) as reachbell,
            Client(described["native"], workspace.key_header) as native,
        ):
            disturber = Disturber(self._stack, delay_ms=self._delay(0, 0), say=self._say)
            await disturber.begin()
            in_doubt = await calls_in_doubt(self._stack, described, self._way)
            body = await campaign_body(described, workspace, native, self._way)
            made = await native.call("POST", f"/v1/projects/{workspace.project}/campaigns", body)
            campaign = last_part(made["name"])
            people = await choose(
                described,
                workspace,
                self._plan.unwilling,
                among=self._plan.recipients,
                way=self._way,
                seed=self._seed,
            )
            insistent, project = Insistent(native), f"/v1/projects/{workspace.project}"
            operators = Operators(insistent, f"{project}/campaigns/{campaign}", seed=self._seed, say=self._say)
            unwilling = Unwilling(insistent, project, people, way=self._way, say=self._say)
            await self._disturb(disturber, operators, unwilling)
            await _wait_until_at_rest(
                [
                    (reachbell, f"/campaigns/{campaign}", lambda shown: shown["status"] in ENDED),
                    (native, f"{project}/campaigns/{campaign}/stats", lambda stats: stats["final"]),
                ],
                seconds=2 * FINISHED_WITHIN,
            )
            in_doubt = await calls_in_doubt(self._stack, described, self._way) - in_doubt
            ended_after = time.monotonic() - max(self._last_fault, operators.last_wish)
        verdict = await judge(
            described,
            workspace,
            campaign,
            way=self._way,
            recipients=self._plan.recipients,
            holds=operators.holds,
            left_alone=unwilling.answered,
            in_doubt=in_doubt,
        )
        verdict.violations.extend(operators.doubted)
        return Result(
            seed=self._seed,
            faults=self._plan.faults,
            faults_while_sending=self._faults_while_sending,
            finished_after=ended_after,
            verdict=verdict,
        )

    async def _disturb(self, disturber: Disturber, operators: Operators, unwilling: Unwilling) -> None:
        pausing = asyncio.create_task(operators.pause_now_and_then(self._plan.pauses, seconds=self._plan.seconds))
        leaving = asyncio.create_task(unwilling.leave_now_and_then(seconds=self._plan.seconds))
        async with Client(self._there.described["sandbox"]) as sandbox:
            before = (await sandbox.call("GET", "/messages/count"))["total"]
            if self._seed % 3:  # every third seed disturbs the freezing of the audience, too
                await _wait_for_more(sandbox, before)
            for number, fault in enumerate(make_schedule(self._seed, self._plan)):
                await asyncio.sleep(fault.gap)
                accepted = (await sandbox.call("GET", "/messages/count"))["total"] - before
                await disturber.be_slow(self._delay(accepted, number))
                await disturber.carry_out(fault)
                self._faults_while_sending += 0 < accepted < self._messages
        await disturber.end()
        self._last_fault = time.monotonic()
        operators.enough = unwilling.enough = True
        await pausing
        await leaving

    def _delay(self, accepted: int, faults: int) -> int:
        """Milliseconds before every answer, so that some recipients are left when the last fault comes."""
        left = max(self._messages * (1 - LEFT_OVER) - accepted, 1.0)
        seconds = self._plan.seconds * (1 - faults / self._plan.faults)
        return min(int(self._way.connections * max(seconds, 1.0) / left * 1000), LONGEST_DELAY)


async def _wait_for_more(sandbox: Client, accepted: int) -> None:
    """The first call of this campaign has been accepted."""
    while (await sandbox.call("GET", "/messages/count"))["total"] <= accepted:
        await asyncio.sleep(0.1)


async def _wait_until_at_rest(views: Sequence[tuple[Client, str, Callable[[Json], bool]]], *, seconds: float) -> None:
    """Return when every one of these shows an end. Parts are still starting: what fails is asked again."""
    began = time.monotonic()
    for client, path, is_end in views:
        shown = None
        while shown is None or not is_end(shown):
            if time.monotonic() - began > seconds:
                raise AssertionError(f"stuck: not ended {seconds:.0f} s after the last fault: {shown}")
            try:
                shown = await client.call("GET", path)
            except (CallFailed, aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.3)
