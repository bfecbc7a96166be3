"""Processes die, freeze, lose their answers; what they had claimed is sent by others, and nothing is told twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from services.delivery import claim_repository
from services.delivery import janitor as janitor_module
from services.delivery.run_repository import COMPLETED
from services.message_states import MessageState
from services.runtime.database import Database, Transaction
from tests.integration.delivery.audiences import Run, announce
from tests.integration.delivery.commands import Commands
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.outside_world import (
    ACCEPTED,
    REFUSED,
    OutsideWorld,
    busy_for,
    only,
)
from tests.integration.delivery.proof import at_rest, read_books, violations
from tests.integration.waiting import eventually
from tests.integration.wire import Wire

A_FEW_ROUNDS = 0.5  # of the janitors of these tests


@pytest.fixture
def behind_the_wire(wire: Wire, connect: Callable[..., Database]) -> Database:
    """The same database, reached over the wire."""
    return connect("delivery", wire=wire)


async def end_leases(database: Database) -> None:
    """Thirty seconds pass in which nobody renews."""
    await database.transaction(lambda tx: tx.raw.execute("UPDATE claim SET lease_until = clock_timestamp()"))


async def late_answers(database: Database, run: Run) -> dict[int, int]:
    """Position → state, of the answers that came after their claim was taken over."""

    async def work(tx: Transaction) -> dict[int, int]:
        rows = await tx.raw.fetch("SELECT position, state FROM late_outcome WHERE run = $1", run.id)
        return {row["position"]: row["state"] for row in rows}

    return await database.transaction(work)


async def test_what_a_killed_process_had_claimed_is_sent_by_another_and_what_was_on_the_wire_is_marked(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.005
    run = Run(sizes=(300,))
    await announce(database, run.facts())
    first = await start_process(claim_size=50)
    await eventually(world.calls, lambda calls: calls > 60)

    await first.kill()
    await start_process(claim_size=50)
    books = await at_rest(database, run)

    assert books.counts() == {"SENT": 300}
    repeated = sum(outcome.repeated for outcome in books.outcomes.values())
    assert 0 < len(world.ledger) - 300 <= repeated <= 2, "only the call of each of two claims can be in doubt"
    assert violations(run, books, world) == []


async def test_a_process_that_lives_while_another_dies_goes_on_with_both_shares(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.002
    run = Run(sizes=(400,))
    await announce(database, run.facts())
    dying, _ = await start_process(claim_size=50), await start_process(claim_size=50)
    dying.sender.hold()
    await eventually(lambda: read_books(database, run), lambda books: len(books.outcomes) > 50)

    await dying.kill()
    books = await at_rest(database, run)

    assert books.counts() == {"SENT": 400}
    assert violations(run, books, world) == []


async def test_a_frozen_process_keeps_its_claims_however_long_it_is_frozen(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(100,))
    frozen = await start_process(claim_size=50)
    frozen.sender.hold()
    await announce(database, run.facts())
    await eventually(lambda: read_books(database, run), lambda books: books.claimed.total() == 100)

    await end_leases(database)
    await start_process()
    await asyncio.sleep(A_FEW_ROUNDS)
    meanwhile = await read_books(database, run)
    frozen.sender.let_go()
    books = await at_rest(database, run)

    assert meanwhile.claimed.total() == 100
    assert not any(outcome.repeated for outcome in books.outcomes.values())
    assert violations(run, books, world) == []


async def test_of_another_machine_only_an_ended_lease_gives_its_claims_away(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(20,))
    lost = await start_process(machine="lost")
    lost.sender.hold()
    await announce(database, run.facts())
    await eventually(world.calls, lambda calls: calls == 1)
    await lost.kill()

    await start_process(machine="another")
    await asyncio.sleep(A_FEW_ROUNDS)
    within_the_lease = await read_books(database, run)
    await end_leases(database)
    books = await at_rest(database, run)

    assert within_the_lease.claimed.total() == 20
    assert books.counts() == {"SENT": 20}
    assert violations(run, books, world) == []


async def test_a_living_process_keeps_its_leases_however_long_its_janitor_is_busy(
    database: Database, world: OutsideWorld, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(janitor_module, "RENEW_SECONDS", 0.1)
    run, swept = Run(sizes=(20,)), Run(sizes=(20,))
    process = await start_process(machine="busy")
    process.sender.hold()
    sweeping = asyncio.Event()

    async def sweep_for_ever(*_: object, **__: object) -> None:
        sweeping.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(process.janitor, "_sweep", sweep_for_ever)
    await announce(database, run.facts())
    await eventually(world.calls, lambda calls: calls == 1)
    await Commands(database, swept).cancel()
    await announce(database, swept.facts())
    await sweeping.wait()
    await end_leases(database)
    await asyncio.sleep(A_FEW_ROUNDS)

    owners = await database.transaction(lambda tx: claim_repository.owners_of_claims(tx, other_than="nobody"))
    assert owners == [(str(process.owners.me), False)]


async def test_the_living_have_time_to_renew_before_anybody_judges_their_leases(
    database: Database, world: OutsideWorld, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(janitor_module, "RENEW_SECONDS", 0.3)
    monkeypatch.setattr(janitor_module, "LEASE_GRACE", 1.5)
    run = Run(sizes=(20,))
    living = await start_process(machine="living")
    living.sender.hold()
    await announce(database, run.facts())
    await eventually(world.calls, lambda calls: calls == 1)
    await start_process(machine="another")

    await end_leases(database)  # PostgreSQL was away for so long
    await asyncio.sleep(2.0)
    meanwhile = await read_books(database, run)
    living.sender.let_go()
    books = await at_rest(database, run)

    assert meanwhile.claimed.total() == 20
    assert not any(outcome.repeated for outcome in books.outcomes.values())


async def test_answers_that_come_after_the_claim_was_taken_over_are_late_truth_and_nothing_else(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(20,))
    slow = await start_process(machine="slow", claims_at_once=1)
    slow.sender.hold()
    await announce(database, run.facts())
    await eventually(world.calls, lambda calls: calls == 1)

    await end_leases(database)
    await start_process(machine="quick")
    by_the_quick = await at_rest(database, run)
    slow.sender.let_go()
    late = await eventually(lambda: late_answers(database, run), bool)
    books = await read_books(database, run)

    assert set(late.values()) == {int(MessageState.SENT)}
    assert (0, 0) in books.learnt and {position for _, position in books.learnt} == late.keys()
    assert replace(books, learnt=[]) == by_the_quick
    assert violations(run, books, world) == []


async def test_a_late_answer_corrects_what_was_thought_before_the_run_is_counted(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = Run(sizes=(2,))
    (first, _), (second, _) = run.places()[0, 0], run.places()[0, 1]
    world.reply = lambda message, earlier: (
        only({first}, [ACCEPTED, REFUSED])(message, earlier)
        if message.position == 0
        else only({second}, [busy_for(0.8)])(message, earlier)
    )
    slow = await start_process(machine="slow", claims_at_once=1)
    slow.sender.hold()
    await announce(database, run.facts())
    await eventually(world.calls, lambda calls: calls == 1)

    await end_leases(database)
    await start_process(machine="quick")
    thought = await eventually(lambda: read_books(database, run), lambda books: len(books.outcomes) == 1)
    slow.sender.let_go()
    books = await at_rest(database, run)

    assert thought.counts() == {"UNKNOWN": 1}, "a refusal does not tell what became of the try before"
    assert (books.state, books.counts()) == (COMPLETED, {"SENT": 2})
    assert violations(run, books, world) == []


async def test_a_record_whose_commit_was_not_answered_is_settled_once(
    database: Database, world: OutsideWorld, start_process: StartProcess, behind_the_wire: Database, wire: Wire
) -> None:
    run = Run(sizes=(120,))
    wire.lose_answer_to(b"COMMIT", after=b"INTO outcome_block")
    await announce(database, run.facts())

    process = await start_process(database=behind_the_wire, claim_size=50)
    await at_rest(database, run)
    await process.stop()  # it has tried again by then
    books = await read_books(database, run)

    assert wire.lost == 1
    assert books.counts() == {"SENT": 120}
    assert len(world.ledger) == 120
    assert not any(outcome.repeated for outcome in books.outcomes.values())
    assert violations(run, books, world) == []


async def test_a_claim_whose_commit_was_not_answered_is_given_back_and_sent_without_a_doubt(
    database: Database, world: OutsideWorld, start_process: StartProcess, behind_the_wire: Database, wire: Wire
) -> None:
    run = Run(sizes=(60,))
    wire.lose_answer_to(b"COMMIT", after=b"INSERT INTO claim")
    await announce(database, run.facts())

    process = await start_process(database=behind_the_wire, claim_size=50)
    await at_rest(database, run)
    await process.stop()  # it has tried again by then
    books = await read_books(database, run)

    assert wire.lost == 1
    assert len(world.ledger) == 60
    assert not any(outcome.repeated for outcome in books.outcomes.values())
    assert violations(run, books, world) == []


async def test_a_claim_whose_commit_is_answered_late_is_not_given_to_another_meanwhile(
    database: Database, world: OutsideWorld, start_process: StartProcess, behind_the_wire: Database, wire: Wire
) -> None:
    run = Run(sizes=(10, 50))
    first = await start_process(database=behind_the_wire)
    first.sender.hold()
    await announce(database, [run.started(), run.batch(0)])
    await eventually(world.calls, lambda calls: calls == 1)  # from now on its permission to send is renewed

    wire.delay_answer_to(b"COMMIT", after=b"INSERT INTO claim", seconds=A_FEW_ROUNDS)
    await announce(database, [run.batch(1), run.totals()])
    await eventually(lambda: read_books(database, run), lambda books: books.claimed.total() == 60)
    await start_process()
    await asyncio.sleep(2 * A_FEW_ROUNDS)
    first.sender.let_go()
    books = await at_rest(database, run)

    assert len(world.ledger) == 60
    assert violations(run, books, world) == []


async def test_of_a_claim_that_a_defect_dropped_what_was_answered_is_recorded(
    database: Database, world: OutsideWorld, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(sizes=(20,))
    process = await start_process()
    send, failures = process.sender.send, 0

    async def send_and_fail(*arguments: object, **named: object) -> object:
        nonlocal failures
        answers = await send(*arguments, **named)  # type: ignore[arg-type]
        failures += 1
        if failures == 1:
            raise LookupError("a defect")
        return answers

    monkeypatch.setattr(process.sender, "send", send_and_fail)
    await announce(database, run.facts())
    books = await at_rest(database, run)

    assert len(world.ledger) == 20
    assert not any(outcome.repeated for outcome in books.outcomes.values())
    assert violations(run, books, world) == []


async def test_all_processes_may_die_again_and_again(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.001
    run = Run(sizes=(300, 300))
    await announce(database, run.facts())

    for _ in range(5):
        process = await start_process(claim_size=40)
        seen = len(world.ledger)
        await eventually(world.calls, lambda calls, seen=seen: calls > seen + 30)  # type: ignore[misc]
        await process.kill()
        assert violations(run, await read_books(database, run), world) == []
    world.seconds_per_call = 0.0
    await start_process()
    books = await at_rest(database, run)

    assert books.counts() == {"SENT": 600}
    assert violations(run, books, world) == []
