"""Where a provider honours no keys: whatever dies, nobody is messaged twice, and what was on the wire is in doubt."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from carillon.campaigns.v1.campaigns_pb2 import UNKNOWN_POLICY_RETRY

from services.delivery import owners as owners_module
from services.delivery import suppression_repository
from services.delivery.domain.channels import Channel
from services.delivery.journal import JOURNAL_SUFFIX
from services.message_states import MessageState
from services.runtime.database import Database, Transaction
from tests.integration.conftest import Servers
from tests.integration.delivery.audiences import Run, announce
from tests.integration.delivery.commands import Commands
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.mailing_process import CONNECTIONS, MailProvider
from tests.integration.delivery.outside_world import BUSY, GONE, LOST_ANSWER, LOST_REQUEST, OutsideWorld, only
from tests.integration.delivery.proof import Books, at_rest, read_books, violations
from tests.integration.waiting import eventually
from tests.integration.wire import Wire

A_FEW_ROUNDS = 0.5  # of the janitors of these tests


def emails(*sizes: int, **changes: int) -> Run:
    return Run(sizes=sizes, channel=Channel.EMAIL, **changes)  # type: ignore[arg-type]


def journals_in(directory: Path) -> list[Path]:
    return list(directory.glob(f"*{JOURNAL_SUFFIX}"))


async def end_leases(database: Database) -> None:
    """Thirty seconds pass in which nobody renews."""
    await database.transaction(lambda tx: tx.raw.execute("UPDATE claim SET lease_until = clock_timestamp()"))


async def attempts_of(database: Database, run: Run) -> list[tuple[int, int, str, str]]:
    """(position, attempt, kind, reason) of the attempts that ended nothing."""

    async def work(tx: Transaction) -> list[tuple[int, int, str, str]]:
        rows = await tx.raw.fetch(
            "SELECT position, attempt, kind, reason FROM attempt WHERE run = $1 ORDER BY 1, 2", run.id
        )
        return [tuple(row) for row in rows]

    return await database.transaction(work)


def in_doubt(books: Books) -> int:
    return len(books.places(MessageState.UNKNOWN))


async def test_of_a_killed_process_only_what_was_on_the_wire_is_in_doubt(
    database: Database, world: OutsideWorld, start_process: StartProcess, tmp_path: Path
) -> None:
    world.seconds_per_call = 0.005
    run = emails(300)
    await announce(database, run.facts())
    first = await start_process(claim_size=50)
    await eventually(world.calls, lambda calls: calls > 60)
    first.sender.hold()
    calls = len(world.ledger)
    await asyncio.sleep(0.1)

    await first.kill()
    await start_process(claim_size=50)
    books = await at_rest(database, run)

    assert calls <= len(world.ledger)
    assert in_doubt(books) == 2, "one for each connection of the dead"
    assert all(books.outcomes[place].reason == "NO_ANSWER" for place in books.places(MessageState.UNKNOWN))
    assert len(world.ledger) == 300
    assert violations(run, books, world) == []
    assert journals_in(tmp_path / "one") == []


@pytest.mark.parametrize("kills", [6])
async def test_of_processes_that_are_really_killed_again_and_again_too(
    database: Database, world: OutsideWorld, start_process: StartProcess, tmp_path: Path, servers: Servers, kills: int
) -> None:
    run = emails(700, 700)
    await announce(database, run.facts())
    most = 0
    async with MailProvider(world, seconds=0.01) as provider:
        command = [sys.executable, "-m", "tests.integration.delivery.mailing_process"]
        for _ in range(kills):
            seen = len(world.ledger)
            with subprocess.Popen(
                [*command, servers.url("delivery"), str(tmp_path / "one"), str(provider.port)]
            ) as process:
                await eventually(world.calls, lambda calls, seen=seen: calls > seen + 60, seconds=30.0)  # type: ignore[misc]
                process.send_signal(signal.SIGKILL)
            most += 2 * CONNECTIONS  # two claims at once, each with as many
            assert violations(run, await read_books(database, run), world) == []
        await start_process()
        books = await at_rest(database, run)

    assert books.counts()["SENT"] + in_doubt(books) == 1400
    assert 0 < in_doubt(books) <= most
    assert len(world.ledger) + 0 <= 1400, "nobody twice"
    assert violations(run, books, world) == []


async def test_what_was_answered_before_the_death_is_recorded_for_the_dead(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = emails(6)
    places = run.places()
    replies = {places[0, 1][0]: [GONE], places[0, 2][0]: [BUSY], places[0, 3][0]: [LOST_REQUEST]}
    world.reply = lambda message, earlier: only(
        {message.address.url},  # type: ignore[attr-defined]
        replies.get(message.address.url, []),  # type: ignore[attr-defined]
    )(message, earlier)
    world.seconds_per_call = 0.02
    first = await start_process(claims_at_once=1)
    await announce(database, run.facts())
    await eventually(world.calls, lambda calls: calls == 5)
    first.sender.hold()

    await first.kill()
    await start_process()
    books = await at_rest(database, run)

    states = [books.outcomes[0, position].state.name for position in range(6)]
    assert states == ["SENT", "FAILED", "SENT", "UNKNOWN", "UNKNOWN", "SENT"]
    assert books.outcomes[0, 1].reason == "ANSWERED_BEFORE_A_DEATH"
    assert [(position, kind) for position, _, kind, _ in await attempts_of(database, run)] == [(2, "retry")]
    assert violations(run, books, world) == []


async def test_an_address_that_is_known_to_be_dead_is_suppressed_with_the_record_that_says_so(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = emails(3)
    address = run.places()[0, 1][0]
    world.reply = only({address}, [GONE])
    await announce(database, run.facts())
    await start_process()
    await at_rest(database, run)

    dead = await database.transaction(
        lambda tx: suppression_repository.suppressed_addresses(
            tx, tenant=run.tenant, project=run.tenant, channel=Channel.EMAIL, addresses=[address]
        )
    )
    again = run.retry(0, 1, 2)
    await announce(database, again.facts())
    books = await at_rest(database, again)

    assert dead == {address: "HARD_BOUNCE"}
    assert books.counts() == {"SENT": 2, "SUPPRESSED": 1}


async def test_a_run_that_prefers_twice_to_not_at_all_tries_what_is_in_doubt_again_and_marks_it(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    world.seconds_per_call = 0.005
    run = emails(100, policy=UNKNOWN_POLICY_RETRY)
    await announce(database, run.facts())
    first = await start_process(claim_size=50, claims_at_once=1)
    await eventually(world.calls, lambda calls: calls > 20)
    first.sender.hold()
    await asyncio.sleep(0.1)

    await first.kill()
    await start_process(claim_size=50)
    books = await at_rest(database, run)

    assert books.counts() == {"SENT": 100}
    assert len(world.ledger) == 101
    assert sum(outcome.repeated for outcome in books.outcomes.values()) == 1
    assert [kind for _, _, kind, _ in await attempts_of(database, run)] == ["unanswered"]
    assert violations(run, books, world) == []


@pytest.mark.parametrize(
    ("policy", "counts", "calls"), [(0, {"SENT": 9, "UNKNOWN": 1}, 10), (UNKNOWN_POLICY_RETRY, {"SENT": 10}, 11)]
)
async def test_an_answer_that_is_lost_while_the_process_lives_is_treated_as_the_run_says(
    database: Database,
    world: OutsideWorld,
    start_process: StartProcess,
    policy: int,
    counts: dict[str, int],
    calls: int,
) -> None:
    run = emails(10, policy=policy)
    world.reply = only({run.places()[0, 4][0]}, [LOST_ANSWER])
    await announce(database, run.facts())
    await start_process()
    books = await at_rest(database, run)

    assert books.counts() == counts
    assert len(world.ledger) == calls
    assert violations(run, books, world) == []


async def test_a_frozen_process_keeps_its_emails_however_long_it_is_frozen(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = emails(100)
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

    assert (meanwhile.claimed.total(), meanwhile.outcomes) == (100, {})
    assert books.counts() == {"SENT": 100}
    assert violations(run, books, world) == []


async def test_of_a_lost_machine_everything_claimed_is_in_doubt_until_its_answers_come(
    database: Database, world: OutsideWorld, start_process: StartProcess
) -> None:
    run = emails(20)
    lost = await start_process(machine="lost", claims_at_once=1)
    lost.sender.hold()
    await announce(database, run.facts())
    await eventually(world.calls, lambda calls: calls == 1)

    await end_leases(database)
    await start_process(machine="another")
    parked = await at_rest(database, run)
    await asyncio.sleep(1.0)  # the lost one may start nothing any more
    lost.sender.let_go()
    books = await eventually(lambda: read_books(database, run), lambda books: bool(books.learnt))

    assert parked.counts() == {"UNKNOWN": 20}
    assert books.counts() == {"SENT": 1, "UNKNOWN": 19}
    assert len(world.ledger) == 1
    assert violations(run, books, world) == []


async def test_after_a_reboot_nobody_believes_the_journals(
    database: Database,
    world: OutsideWorld,
    start_process: StartProcess,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run = emails(20)
    before = await start_process(claims_at_once=1)
    before.sender.hold()
    await announce(database, run.facts())
    await eventually(world.calls, lambda calls: calls == 1)
    await before.kill()

    (tmp_path / "boot_id").write_text("another-boot\n")
    monkeypatch.setattr(owners_module, "BOOT_ID", tmp_path / "boot_id")
    await start_process()
    books = await at_rest(database, run)

    assert books.counts() == {"UNKNOWN": 20}
    assert violations(run, books, world) == []


async def test_what_a_dead_process_was_about_to_cancel_is_cancelled(
    database: Database, world: OutsideWorld, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = emails(20)
    lost = await start_process(machine="lost")
    sweeping = asyncio.Event()

    async def dying(record: object) -> bool:
        sweeping.set()
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(lost.janitor._recorder, "store", dying)
    await Commands(database, run).cancel()
    await announce(database, run.facts())
    await sweeping.wait()
    await lost.kill()

    await end_leases(database)
    await start_process(machine="another")
    books = await at_rest(database, run)

    assert books.counts() == {"CANCELLED": 20}


async def test_a_record_of_emails_whose_commit_was_not_answered_is_settled_once(
    database: Database, connect: Callable[..., Database], world: OutsideWorld, start_process: StartProcess, wire: Wire
) -> None:
    run = emails(120)
    wire.lose_answer_to(b"COMMIT", after=b"INTO outcome_block")
    await announce(database, run.facts())

    process = await start_process(database=connect("delivery", wire=wire), claim_size=50)
    await at_rest(database, run)
    await process.stop()
    books = await read_books(database, run)

    assert wire.lost == 1
    assert books.counts() == {"SENT": 120}
    assert len(world.ledger) == 120
    assert violations(run, books, world) == []


async def test_a_process_that_dies_between_its_record_and_its_journals_end_leaves_no_trace(
    database: Database, world: OutsideWorld, start_process: StartProcess, tmp_path: Path
) -> None:
    run = emails(5)
    first = await start_process()
    first.worker._journals.remove = lambda owner, claim: None  # type: ignore[method-assign]
    await announce(database, run.facts())
    await at_rest(database, run)
    left = journals_in(tmp_path / "one")
    await first.kill()

    await start_process()

    async def still_there() -> list[Path]:
        return journals_in(tmp_path / "one")

    assert len(left) == 1
    assert await eventually(still_there, lambda files: not files) == []


async def test_with_a_full_disk_nothing_is_sent_and_with_room_again_everything_is(
    database: Database, world: OutsideWorld, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = emails(10)
    write, full = os.write, True

    def writes(file: int, data: bytes) -> int:
        if full and len(data) == 16:
            raise OSError(28, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", writes)
    await announce(database, run.facts())
    await start_process()
    await eventually(lambda: attempts_of(database, run), bool)
    waiting = await read_books(database, run)
    calls, full = len(world.ledger), False
    books = await at_rest(database, run)

    assert (waiting.outcomes, calls) == ({}, 0)
    assert books.counts() == {"SENT": 10}
    assert {reason for _, _, _, reason in await attempts_of(database, run)} == {"JOURNAL_UNWRITABLE"}
    assert violations(run, books, world) == []
