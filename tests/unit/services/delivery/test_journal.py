"""What a process that died had begun, and what it had been answered, can be read from what it left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from services.delivery.journal import LOST, RECORD_SIZE, AttemptJournal, Journals, Trail, read_trail
from services.delivery.owners import Owner
from services.delivery.senders.sender import AnswerKind

ME = Owner(machine="machine", boot="boot", start="mine")
DEAD = replace(ME, start="dead")
NOW = 1_700_000_000.0
CLAIM = 7

WRITE_AND_WAIT = """
import sys, time
from pathlib import Path
from services.delivery.journal import AttemptJournal
from services.delivery.senders.sender import AnswerKind
journal = AttemptJournal(Path(sys.argv[1]))
journal.attempting(0)
journal.answered(0, AnswerKind.ACCEPTED, 250)
journal.attempting(1)
print("written", flush=True)
time.sleep(60)
"""


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    """Of this process."""
    return Journals(tmp_path, ME)


@pytest.fixture
def journal(tmp_path: Path) -> AttemptJournal:
    """Of one claim of a process that is dead by now."""
    return Journals(tmp_path, DEAD).open(CLAIM)


def kind(trail: Trail, position: int) -> AnswerKind:
    return trail.answer(position, now=NOW).kind


def test_a_record_has_sixteen_bytes(journals: Journals, journal: AttemptJournal, tmp_path: Path) -> None:
    journal.attempting(1999)
    journal.answered(1999, AnswerKind.ACCEPTED, 250)

    (file,) = tmp_path.glob("*.journal")
    assert RECORD_SIZE == 16
    assert file.stat().st_size == 32


def test_what_was_never_attempted_did_not_start(journals: Journals, journal: AttemptJournal) -> None:
    journal.attempting(3)

    assert kind(journals.read(DEAD, CLAIM), 4) is AnswerKind.NOT_STARTED


def test_what_was_attempted_and_not_answered_is_in_doubt(journals: Journals, journal: AttemptJournal) -> None:
    journal.attempting(3)

    answer = journals.read(DEAD, CLAIM).answer(3, now=NOW)

    assert (answer.kind, answer.reason) == (AnswerKind.UNANSWERED, "NO_ANSWER")


@pytest.mark.parametrize("answered", AnswerKind, ids=str)
def test_an_answer_is_read_as_it_was_given(journals: Journals, journal: AttemptJournal, answered: AnswerKind) -> None:
    journal.attempting(3)
    journal.answered(3, answered, 552)

    answer = journals.read(DEAD, CLAIM).answer(3, now=NOW)

    assert (answer.position, answer.kind, answer.code) == (3, answered, 552)
    assert abs(answer.at - time.time()) < 5


def test_a_claim_without_a_journal_was_never_begun(journals: Journals) -> None:
    assert kind(journals.read(DEAD, 8), 0) is AnswerKind.NOT_STARTED


@pytest.mark.parametrize("owner", [replace(DEAD, boot="another"), replace(DEAD, machine="another")], ids=str)
def test_nobody_believes_the_journal_of_another_boot_or_machine(
    journals: Journals, journal: AttemptJournal, owner: Owner
) -> None:
    journal.answered(3, AnswerKind.ACCEPTED, 250)

    trail = journals.read(owner, CLAIM)

    assert trail == LOST
    assert {kind(trail, position) for position in range(5)} == {AnswerKind.UNANSWERED}


@pytest.mark.parametrize("missing", range(1, RECORD_SIZE))
def test_a_torn_last_record_was_never_written(
    journal: AttemptJournal, tmp_path: Path, journals: Journals, missing: int
) -> None:
    journal.attempting(0)
    journal.answered(0, AnswerKind.ACCEPTED, 250)
    journal.attempting(1)
    (file,) = tmp_path.glob("*.journal")
    os.truncate(file, file.stat().st_size - missing)

    trail = journals.read(DEAD, CLAIM)

    assert [kind(trail, position) for position in (0, 1)] == [AnswerKind.ACCEPTED, AnswerKind.NOT_STARTED]


def test_behind_a_damaged_record_everything_else_is_in_doubt(
    journal: AttemptJournal, tmp_path: Path, journals: Journals
) -> None:
    for position in range(3):
        journal.attempting(position)
        journal.answered(position, AnswerKind.ACCEPTED, 250)
    (file,) = tmp_path.glob("*.journal")
    damaged = bytearray(file.read_bytes())
    damaged[2 * RECORD_SIZE + 3] ^= 1

    trail = read_trail(bytes(damaged))

    assert [kind(trail, position) for position in range(4)] == [
        AnswerKind.ACCEPTED,
        AnswerKind.UNANSWERED,
        AnswerKind.UNANSWERED,
        AnswerKind.UNANSWERED,
    ]


def test_a_disk_that_is_full_refuses_and_leaves_what_was_written(
    journal: AttemptJournal, journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.attempting(0)
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, data: whole(file, data[:5]))

    with pytest.raises(OSError, match="No space left"):
        journal.attempting(1)
    monkeypatch.undo()
    assert journal.failed
    journal.answered(0, AnswerKind.ACCEPTED, 250)

    trail = journals.read(DEAD, CLAIM)
    assert [kind(trail, position) for position in (0, 1)] == [AnswerKind.ACCEPTED, AnswerKind.NOT_STARTED]


def test_a_closed_journal_takes_nothing(journal: AttemptJournal) -> None:
    journal.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        journal.attempting(0)


def test_a_claim_has_one_journal(journals: Journals) -> None:
    journals.open(CLAIM)

    with pytest.raises(FileExistsError):
        journals.open(CLAIM)


def test_what_others_left_behind_is_found_and_removed(journals: Journals, journal: AttemptJournal) -> None:
    journals.open(8)
    left = journals.left_behind()

    for start, claim in left:
        journals.remove_left_behind(start, claim)

    assert left == [("dead", CLAIM)]
    assert journals.left_behind() == []


def test_a_journal_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "dead.1.journal"
    with subprocess.Popen([sys.executable, "-c", WRITE_AND_WAIT, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)

    trail = read_trail(path.read_bytes())

    assert [kind(trail, position) for position in range(3)] == [
        AnswerKind.ACCEPTED,
        AnswerKind.UNANSWERED,
        AnswerKind.NOT_STARTED,
    ]
