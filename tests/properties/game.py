"""Owns one run: a fresh project, two clients who call at once, step by step, and an oracle that must explain both.

A run draws its calls from its own seed, so it can be played again alone; how calls meet is the machine's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from carillon.segments.v1.segments_service_pb2 import BatchUpsertContactsRequest
from carillon.segments.v1.segments_service_pb2_grpc import SegmentsServiceStub

from tests.properties.asking import Asker, Call
from tests.properties.drawing import Dice
from tests.properties.oracle import Oracle, Said, World
from tests.properties.people import PEOPLE, SAVED
from tests.properties.rules import ENDS_BY_ITSELF
from tests.properties.shown import Unexplained
from tools.client import Client, Json
from tools.workspace import Workspace, last_part, person

REST_SECONDS = 60.0
SHOWN_STEPS = 12


@dataclass(frozen=True)
class Board:
    """What all runs share: the stack, an organization, and as many browsers as a project has people."""

    described: Mapping[str, Any]
    workspace: Workspace
    operator_key: str
    browsers: Sequence[Json]

    @classmethod
    async def set_up(cls, described: Mapping[str, Any], workspace: Workspace, *, operator_key: str) -> Board:
        """Ask the sandbox for the browsers."""
        async with Client(described["sandbox"]) as sandbox:
            browsers = [line async for line in sandbox.lines("POST", "/subscriptions", count=str(len(PEOPLE)))]
        return cls(described=described, workspace=workspace, operator_key=operator_key, browsers=browsers)

    def asker(self) -> Asker:
        """A client of the organization."""
        return Asker(
            reachbell=self.described["dialects"]["reachbell"],
            native=self.described["native"],
            headers=self.workspace.key_header,
        )

    async def fresh_project(self) -> tuple[str, str]:
        """(a project with the people in it, its saved segment)."""
        owned = {"organization": f"organizations/{self.workspace.organization}"}
        async with Client(self.described["native"], {"x-api-key": self.operator_key}) as operator:
            project = await operator.call("POST", "/v1/projects", {"displayName": "Run"}, **owned)
        people = [person(f"person-{index}", index, [item]) for index, item in enumerate(self.browsers)]
        async with grpc.aio.insecure_channel(self.described["grpc"]) as channel:
            request = BatchUpsertContactsRequest(parent=project["name"], contacts=people)
            metadata = list(self.workspace.key_header.items())
            await SegmentsServiceStub(channel).BatchUpsertContacts(request, metadata=metadata)
        conditions = [
            {"condition": {"attribute": key, "operator": "OPERATOR_ANY_OF", "values": values}}
            for key, values in SAVED.items()
        ]
        async with Client(self.described["native"], self.workspace.key_header) as native:
            body = {"displayName": "Saved", "filter": conditions[0]}
            segment = await native.call("POST", f"/v1/{project['name']}/segments", body)
        return last_part(project["name"]), last_part(segment["name"])


class Game:
    """One run."""

    def __init__(self, board: Board, oracle: Oracle, *, seed: str, project: str, saved_segment: str) -> None:
        self._board = board
        self._oracle = oracle
        self._dice = Dice(seed, project=project, saved_segment=saved_segment)
        self._seed = seed
        self._project = project
        self._worlds: Sequence[World] = [World(project)]
        self._steps: list[Sequence[Said]] = []
        self.calls = 0

    @classmethod
    async def begin(cls, board: Board, oracle: Oracle, *, seed: str) -> Game:
        """In a project of its own."""
        project, segment = await board.fresh_project()
        return cls(board, oracle, seed=seed, project=project, saved_segment=segment)

    async def play(self, *, steps: int) -> None:
        """So many steps, then until all is at rest. Raises AssertionError with the story where nothing explains it."""
        async with self._clients() as (one, other):
            for _ in range(steps):
                first, second = self._dice.pair()
                answers = await asyncio.gather(one.ask(first), other.ask(second))
                self._hear([(first, answers[0]), (second, answers[1])])
            await self._come_to_rest(one)

    @asynccontextmanager
    async def _clients(self) -> AsyncIterator[tuple[Asker, Asker]]:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(self._board.asker())
            yield one, await stack.enter_async_context(self._board.asker())

    def _hear(self, said: Sequence[Said]) -> None:
        self.calls += len(said)
        self._steps.append(said)
        try:
            self._worlds = self._oracle.explain_at_once(self._worlds, said)
        except Unexplained as unexplained:
            raise AssertionError(self._story(str(unexplained))) from None
        for _, answer in said:
            if answer.status in (200, 201) and "createdAt" in answer.object:
                self._dice.made(answer.object["id"])

    async def _come_to_rest(self, client: Asker) -> None:
        """Let go what is held, wait for what is being sent, and look at every number again."""
        deadline = time.monotonic() + REST_SECONDS
        everything = Call("list", "GET", f"/campaigns/project/{self._project}", query={"pageSize": "100"})
        while True:
            answer = await client.ask(everything)
            self._hear([(everything, answer)])
            if all(_is_at_rest(item) for item in answer.object["items"]):
                return
            assert time.monotonic() < deadline, self._story(f"not at rest after {REST_SECONDS:.0f} s: {answer}")
            for item in answer.object["items"]:
                if item["status"] == "paused":
                    resume = self._dice.command("resume", item["id"])
                    self._hear([(resume, await client.ask(resume))])
            await asyncio.sleep(0.5)

    def _story(self, reason: str) -> str:
        """What happened to the campaigns of the last step, and how to see it again."""
        seed, _, run = self._seed.partition("/")
        last = self._steps[-1]
        campaigns = {call.campaign for call, _ in last} | {answer.object.get("id") for _, answer in last} - {None}
        keys = {call.key for call, _ in last} - {""}
        lines = [
            f"{number:3} {call}\n      → {answer}"
            for number, said in enumerate(self._steps, start=1)
            for call, answer in said
            if {call.campaign, answer.object.get("id")} & campaigns or call.key in keys or said is last
        ]
        return "\n".join(
            [
                f"nothing explains step {len(self._steps)} of run {run}",
                reason,
                *lines[-SHOWN_STEPS:],
                f"again: PROPERTY_SEED={seed} PROPERTY_RUN={run} make test ARGS=tests/properties",
            ]
        )


def _is_at_rest(shown: Json) -> bool:
    stats = shown["stats"]
    return shown["status"] not in ENDS_BY_ITSELF and stats["queued"] == stats["sent"] + stats["failed"]
