"""Owns one run: a fresh project, two clients who call at once, step by step, and an oracle that must explain both.

A run draws its calls from its own seed, so it can be played again alone; how calls meet is the machine's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from carillon.accounts.v1.accounts_pb2 import Project
from carillon.accounts.v1.accounts_service_pb2 import CreateProjectRequest
from carillon.accounts.v1.accounts_service_pb2_grpc import AccountsServiceStub
from carillon.segments.v1.filter_pb2 import Condition, Filter
from carillon.segments.v1.segments_pb2 import Segment
from carillon.segments.v1.segments_service_pb2 import BatchUpsertContactsRequest, CreateSegmentRequest
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


class Board:
    """What all runs share: an organization, its clients, and as many browsers as a project has people."""

    def __init__(self, described: Mapping[str, Any], workspace: Workspace, browsers: Sequence[Json]) -> None:
        self._people = [person(f"person-{index}", index, [item]) for index, item in enumerate(browsers)]
        self._metadata = list(workspace.key_header.items())
        self._channel = grpc.aio.insecure_channel(described["grpc"])
        self._segments = SegmentsServiceStub(self._channel)
        self._accounts = AccountsServiceStub(self._channel)
        self.clients = Asker(
            reachbell=described["dialects"]["reachbell"], native=described["native"], headers=workspace.key_header
        )

    @classmethod
    async def set_up(cls, described: Mapping[str, Any], workspace: Workspace) -> Board:
        """Ask the sandbox for the browsers."""
        async with Client(described["sandbox"]) as sandbox:
            browsers = [line async for line in sandbox.lines("POST", "/subscriptions", count=str(len(PEOPLE)))]
        return cls(described, workspace, browsers)

    async def close(self) -> None:
        """Hang up."""
        await self.clients.close()
        await self._channel.close()

    async def fresh_project(self) -> tuple[str, str]:
        """(a project with the people in it, its saved segment)."""
        project = await self._accounts.CreateProject(
            CreateProjectRequest(project=Project(display_name="Run")), metadata=self._metadata
        )
        people = BatchUpsertContactsRequest(parent=project.name, contacts=self._people)
        await self._segments.BatchUpsertContacts(people, metadata=self._metadata)
        ((key, values),) = SAVED.items()
        condition = Condition(attribute=key, operator=Condition.OPERATOR_ANY_OF, values=values)
        saved = Segment(display_name="Saved", filter=Filter(condition=condition))
        segment = await self._segments.CreateSegment(
            CreateSegmentRequest(parent=project.name, segment=saved), metadata=self._metadata
        )
        return last_part(project.name), last_part(segment.name)


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
        ask = self._board.clients.ask
        for _ in range(steps):
            first, second = self._dice.pair()
            answers = await asyncio.gather(ask(first), ask(second))
            self._hear([(first, answers[0]), (second, answers[1])])
        await self._come_to_rest(self._board.clients)

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
