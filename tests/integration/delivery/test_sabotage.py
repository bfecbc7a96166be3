"""The proof would notice: each mechanism of delivery is broken on purpose, and the proof says which promise fell.

What is broken, and which tests notice (the models are in tests/model/, the others here and beside the service's tests):

| sabotage                        | caught by                                                                    |
|---------------------------------|------------------------------------------------------------------------------|
| no fence                        | model of claims; delivery: no_fence                                          |
| a random key                    | model of claims; delivery: random_keys                                       |
| the cursor moved at fetch       | model of claims; delivery: cursor_moved_at_fetch                             |
| the audience resolved anew      | segments: test_sabotage                                                      |
| commit before effect            | model of events; runtime: commit_before_the_effect                           |
| no inbox                        | model of claims, of events; runtime: no_inbox, inbox_apart_from_the_effect   |
| the journal ignored, or late    | model of claims; delivery: journal_ignored, journal_after_the_bytes          |
| a counter bumped twice          | model of events; analytics: test_sabotage                                    |
| a pause only in memory          | model of claims; delivery: pause_in_memory_only, authorisation_for_ever      |
| completion by an empty fetch    | model of claims; delivery: completion_by_empty_fetch                         |
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any

import pytest

from services import topics
from services.delivery import claim_repository, messages, outcome_repository, push_way, run_repository
from services.delivery.authorisation import Authorisation, Person
from services.delivery.claim_repository import TO_SEND, Claim
from services.delivery.completion import Completion
from services.delivery.domain.channels import Channel
from services.delivery.journal import AttemptJournal, Journals, Trail
from services.delivery.messages import RecipientColumns
from services.delivery.outcome_repository import OutcomeBlock, OutcomeRow
from services.delivery.recording import Record
from services.delivery.run_repository import COMPLETED, SENDING
from services.delivery.senders.sender import AnswerKind
from services.runtime import outbox
from services.runtime.clock import SystemClock
from services.runtime.database import Database, Transaction
from tests.integration.delivery.audiences import Run, announce, suppress
from tests.integration.delivery.commands import Commands
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.outside_world import LOST_ANSWER, OutsideWorld, only
from tests.integration.delivery.proof import out_of_place, read_books, violations
from tests.integration.waiting import eventually

PROMISED = 1.0  # seconds after a pause, or after an unsubscribe


@dataclass(frozen=True)
class Scene:
    """What a scenario has to play with."""

    database: Database
    world: OutsideWorld
    start: StartProcess

    async def verdict(self, run: Run) -> list[str]:
        """What the proof says when the run is at rest, or will never be."""
        books = await eventually(
            lambda: read_books(self.database, run), lambda books: books.at_rest or any(out_of_place(run, books))
        )
        return violations(run, books, self.world)

    async def verdict_now(self, run: Run) -> list[str]:
        """What the proof says at this instant."""
        return violations(run, await read_books(self.database, run), self.world)


@pytest.fixture
def scene(database: Database, world: OutsideWorld, start_process: StartProcess) -> Scene:
    """A database, a provider, and processes to come."""
    return Scene(database, world, start_process)


# Scenarios: what happens to delivery in its life. Each answers what the proof says.


async def taken_over(scene: Scene) -> list[str]:
    """A process is so slow that another machine takes its claim over; then its answers come."""
    run = Run(sizes=(20,))
    slow = await scene.start(machine="slow", claims_at_once=1)
    slow.sender.hold()
    await announce(scene.database, run.facts())
    await eventually(scene.world.calls, lambda calls: calls == 1)
    await scene.database.transaction(lambda tx: tx.raw.execute("UPDATE claim SET lease_until = clock_timestamp()"))
    quick = await scene.start(machine="quick", claims_at_once=1)
    quick.sender.hold()
    await eventually(scene.world.calls, lambda calls: calls == 2)
    slow.sender.let_go()
    while slow.worker.claims:
        await asyncio.sleep(0.01)
    between = await scene.verdict_now(run)
    quick.sender.let_go()
    return [*between, *await scene.verdict(run)]


async def unanswered(scene: Scene) -> list[str]:
    """Some answers are lost on their way."""
    run = Run(sizes=(20,))
    scene.world.reply = only({run.places()[0, position][0] for position in (3, 4)}, [LOST_ANSWER])
    await scene.start()
    await announce(scene.database, run.facts())
    return await scene.verdict(run)


async def killed(scene: Scene) -> list[str]:
    """A process is killed in the middle; another goes on."""
    return await _killed(scene, Run(sizes=(100,)))


async def killed_without_keys(scene: Scene) -> list[str]:
    """The same, and the provider honours no keys: only the journal tells what was sent."""
    return await _killed(scene, Run(sizes=(100,), channel=Channel.EMAIL))


async def _killed(scene: Scene, run: Run) -> list[str]:
    scene.world.seconds_per_call = 0.005
    first = await scene.start(claim_size=40)
    await announce(scene.database, run.facts())
    await eventually(scene.world.calls, lambda calls: calls > 50)
    first.sender.hold()  # what is on the wire arrives, and nobody is told
    await eventually(
        lambda: read_books(scene.database, run), lambda books: len(books.outcomes) < len(scene.world.delivered)
    )
    await first.kill()
    await scene.start(claim_size=40)
    return await scene.verdict(run)


async def held(scene: Scene) -> list[str]:
    """Everything is claimed, and no answer comes for a while."""
    run = Run(sizes=(20,))
    process = await scene.start()
    process.sender.hold()
    # The run comes last: without anything due yet, the sabotaged completion would end it before it has begun.
    await announce(scene.database, [run.batch(0), run.totals(), run.started()])
    await eventually(scene.world.calls, lambda calls: calls == 1)
    await asyncio.sleep(0.5)  # some rounds of the janitor
    meanwhile = await scene.verdict_now(run)
    process.sender.let_go()
    return [*meanwhile, *await scene.verdict(run)]


async def paused(scene: Scene) -> list[str]:
    """A pause comes while a long claim is being sent."""
    run = Run(sizes=(200, 200))
    scene.world.seconds_per_call = 0.02
    process = await scene.start(claim_size=200)
    await announce(scene.database, run.facts())
    await eventually(scene.world.calls, lambda calls: calls > 10)
    answered = await Commands(scene.database, run).pause()
    await asyncio.sleep(PROMISED + 0.3)
    await process.kill()
    late = [seconds for seconds in scene.world.began_after(answered) if seconds > PROMISED]
    return [f"a call began {seconds:.2f} s after the pause" for seconds in late]


async def unsubscribed(scene: Scene) -> list[str]:
    """Everybody in a claim that is being sent unsubscribes."""
    run = Run(sizes=(10,))
    process = await scene.start()
    process.sender.hold()
    await announce(scene.database, run.facts())
    await eventually(scene.world.calls, lambda calls: calls == 1)
    await suppress(scene.database, run, list(run.places()))
    suppressed = SystemClock().boot_seconds()
    await asyncio.sleep(PROMISED)
    process.sender.let_go()
    verdict = await scene.verdict(run)
    late = [seconds for seconds in scene.world.began_after(suppressed) if seconds > PROMISED]
    return [*verdict, *(f"a call began {seconds:.2f} s after the unsubscribe" for seconds in late)]


SCENARIOS = [taken_over, unanswered, killed, killed_without_keys, held, paused, unsubscribed]


# Sabotage: one mechanism each, broken.


def no_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds his claim gone records all the same."""
    settle = claim_repository.settle

    async def record_anyway(
        tx: Transaction, claim: Claim, *, outcomes: Sequence[OutcomeRow], blocks: Sequence[OutcomeBlock], **rest: Any
    ) -> bool:
        if not await settle(tx, claim, outcomes=outcomes, blocks=blocks, **rest):
            await _copy(tx, claim, [*outcomes, *(row for block in blocks for row in block.rows())])
        return True

    monkeypatch.setattr(claim_repository, "settle", record_anyway)


def random_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message's id is drawn, not derived."""
    monkeypatch.setattr(push_way, "message_id", lambda **_: secrets.token_bytes(16))


def pause_in_memory_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command is remembered by the process that was told, and by nobody else."""

    async def remember(tx: Transaction, *, epoch: int, state: int, **_: object) -> tuple[int, int]:
        return epoch, state

    monkeypatch.setattr(run_repository, "set_control", remember)


def authorisation_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once allowed, always allowed."""
    monkeypatch.setattr(Authorisation, "asker", lambda self, *, version, people: lambda: True)


def completion_by_empty_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run has ended when nothing more can be fetched."""

    async def complete(self: Completion, tx: Transaction, run: bytes) -> bool:
        row = await tx.raw.fetchrow(
            "UPDATE run SET state = $2, ended_at = clock_timestamp() WHERE id = $1 AND state = $3"
            " AND NOT EXISTS (SELECT FROM due WHERE run = $1) RETURNING tenant, campaign, state, ended_at, corrections",
            run,
            COMPLETED,
            SENDING,
        )
        if row is not None:
            event = messages.run_ended(run, row, await outcome_repository.counts(tx, [run]))
            await outbox.publish(tx, topic=topics.RUN_ENDED.name, key=row["tenant"] + run, event=event)
        return row is not None

    async def nothing_to_fetch(tx: Transaction) -> list[bytes]:
        rows = await tx.raw.fetch(
            "SELECT id FROM run WHERE state = $1 AND NOT EXISTS (SELECT FROM due WHERE run = run.id)", SENDING
        )
        return [row["id"] for row in rows]

    monkeypatch.setattr(Completion, "_complete", complete)
    monkeypatch.setattr(run_repository, "runs_at_rest", nothing_to_fetch)


def cursor_moved_at_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fetched is gone from the table, and comes back as outcomes, if it does."""
    claim = claim_repository.claim

    async def fetch(tx: Transaction, run: bytes, **wanted: Any) -> Claim | None:
        found = await claim(tx, run, **wanted)
        if found is not None and wanted["purpose"] is TO_SEND:
            await tx.raw.execute("DELETE FROM claim WHERE id = $1", found.id)
        return found

    monkeypatch.setattr(claim_repository, "claim", fetch)
    no_fence(monkeypatch)


def doubt_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a dead process may have sent is taken over as if it had not been touched."""

    def forget(self: Record, recipients: RecipientColumns, trail: Trail, *, now: float) -> None:
        self._untouched(self.claim.positions)

    monkeypatch.setattr(Record, "take_over", forget)


def journal_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it says, nothing had begun."""
    monkeypatch.setattr(Journals, "read", lambda self, owner, claim: Trail())


def journal_after_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt is written down together with its answer."""
    attempting, answered = AttemptJournal.attempting, AttemptJournal.answered

    def write_both(self: AttemptJournal, position: int, kind: AnswerKind, code: int) -> None:
        attempting(self, position)
        answered(self, position, kind, code)

    monkeypatch.setattr(AttemptJournal, "attempting", lambda self, position: None)
    monkeypatch.setattr(AttemptJournal, "answered", write_both)


def suppression_once_and_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is claimed is sent, whatever he says meanwhile."""
    asker = Authorisation.asker

    def deaf(self: Authorisation, *, version: int, people: Callable[[], Set[Person]]) -> Callable[[], bool]:
        return asker(self, version=version, people=set)

    monkeypatch.setattr(Authorisation, "asker", deaf)


async def _copy(tx: Transaction, claim: Claim, outcomes: Sequence[OutcomeRow]) -> None:
    records = [
        (claim.run, claim.batch, *(getattr(row, name) for name in outcome_repository.OUTCOME_COLUMNS[2:]))
        for row in outcomes
    ]
    await tx.raw.copy_records_to_table("outcome_row", columns=outcome_repository.OUTCOME_COLUMNS, records=records)


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_with_every_mechanism_in_place_the_proof_holds(
    scene: Scene, scenario: Callable[[Scene], Awaitable[list[str]]]
) -> None:
    assert await scenario(scene) == []


@pytest.mark.parametrize(
    ("sabotage", "scenario", "violation"),
    [
        (no_fence, taken_over, "stands in 2 places"),
        (random_keys, unanswered, "was messaged under 2 keys"),
        (pause_in_memory_only, paused, "s after the pause"),
        (authorisation_for_ever, paused, "s after the pause"),
        (completion_by_empty_fetch, held, "the run ended with 0 of 20 final"),
        (cursor_moved_at_fetch, killed, "has vanished"),
        (journal_ignored, killed_without_keys, "times, and its provider knows no keys"),
        (journal_after_the_bytes, killed_without_keys, "times, and its provider knows no keys"),
        (doubt_forgotten, killed, "arrived 2 times and is not marked"),
        (suppression_once_and_for_all, unsubscribed, "s after the unsubscribe"),
    ],
)
async def test_the_proof_notices(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    sabotage: Callable[[pytest.MonkeyPatch], None],
    scenario: Callable[[Scene], Awaitable[list[str]]],
    violation: str,
) -> None:
    sabotage(monkeypatch)

    found = await scenario(scene)

    assert any(violation in sentence for sentence in found), found
