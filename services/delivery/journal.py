"""Owns the journals of attempts: what a process that died had begun, and what it had been answered.

One append-only file per claim beside the owners' lock files, made before the claim's first attempt, removed after its
record committed. Never synced: the page cache outlives a killed process, and a machine that went down is known by its
boot id, whose journals nobody reads.
"""

from __future__ import annotations

import errno
import os
import struct
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.delivery.domain.verdicts import NO_ANSWER
from services.delivery.owners import Owner
from services.delivery.senders.sender import Answer, AnswerKind

# What happened, the position, the provider's code, milliseconds and seconds since 1970; then their CRC-32.
_FACTS = struct.Struct("<BxHHHI")
_SUM = struct.Struct("<I")
RECORD_SIZE = _FACTS.size + _SUM.size
_ATTEMPTING = 1
_NUMBERS: Mapping[AnswerKind, int] = {
    AnswerKind.ACCEPTED: 2,
    AnswerKind.REJECTED: 3,
    AnswerKind.RETIRED: 4,
    AnswerKind.RETRY: 5,
    AnswerKind.UNANSWERED: 6,
    AnswerKind.NOT_STARTED: 7,
}
_KINDS: Mapping[int, AnswerKind] = {number: kind for kind, number in _NUMBERS.items()}
JOURNAL_SUFFIX = ".journal"
ANSWERED_UNRECORDED = "ANSWERED_BEFORE_A_DEATH"  # the journal keeps the provider's code, not its words


@dataclass(frozen=True, slots=True)
class Trail:
    """What a journal says, by position; `whole` unless it is damaged before its end, or lost with its machine."""

    answers: Mapping[int, Answer] = field(default_factory=dict)
    whole: bool = True

    def answer(self, position: int, *, now: float) -> Answer:
        """The attempt's answer: NOT_STARTED where it was never begun, UNANSWERED where that cannot be told."""
        found = self.answers.get(position)
        if found is not None:
            return found
        if self.whole:
            return Answer(position, AnswerKind.NOT_STARTED, 0, "", now)
        return Answer(position, AnswerKind.UNANSWERED, 0, NO_ANSWER, now)


LOST = Trail(whole=False)


class AttemptJournal:
    """The journal of one claim that is being sent: a Journal (see senders/sender.py)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = 0
        self.failed = False  # whether something could not be written down

    def attempting(self, position: int) -> None:
        """The body is about to leave."""
        self._append(_ATTEMPTING, position, 0)

    def answered(self, position: int, kind: AnswerKind, code: int) -> None:
        """The attempt was answered."""
        self._append(_NUMBERS[kind], position, code)

    def close(self) -> None:
        """Nothing more is attempted or answered; whoever tries is told so by an OSError."""
        os.close(self._file)
        self._file = -1

    def _append(self, what: int, position: int, code: int) -> None:
        now = time.time()
        seconds = int(now)
        facts = _FACTS.pack(what, position, code, int((now - seconds) * 1000), seconds)
        try:
            self._write(facts + _SUM.pack(zlib.crc32(facts)))
        except OSError:
            self.failed = True
            raise

    def _write(self, record: bytes) -> None:
        if os.write(self._file, record) != RECORD_SIZE:  # of a nearly full disk; nothing may stand behind a part
            os.ftruncate(self._file, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self._size += RECORD_SIZE


class Journals:
    """The journals of this machine."""

    def __init__(self, directory: Path, me: Owner) -> None:
        self._directory = directory
        self._me = me

    def open(self, claim: int) -> AttemptJournal:
        """A new one, of a claim of this process. Raises OSError where it cannot be made: nothing may be sent then."""
        return AttemptJournal(self._path(self._me, claim))

    def read(self, owner: Owner, claim: int) -> Trail:
        """What the owner, who is dead, had written about its claim."""
        if (owner.machine, owner.boot) != (self._me.machine, self._me.boot):
            return LOST
        try:
            return read_trail(self._path(owner, claim).read_bytes())
        except FileNotFoundError:
            return Trail()  # it is made before the first attempt

    def remove(self, owner: Owner, claim: int) -> None:
        """The claim's record has committed, whoever wrote it."""
        self._path(owner, claim).unlink(missing_ok=True)

    def left_behind(self) -> list[tuple[str, int]]:
        """(start, claim) of every journal that other starts have made."""
        found = [path.name.split(".") for path in self._directory.glob(f"*{JOURNAL_SUFFIX}")]
        return [(start, int(claim)) for start, claim, _ in found if start != self._me.start]

    def remove_left_behind(self, start: str, claim: int) -> None:
        """Its claim is gone: its record committed, and the process died before it could remove the file."""
        (self._directory / _name(start, claim)).unlink(missing_ok=True)

    def _path(self, owner: Owner, claim: int) -> Path:
        return self._directory / _name(owner.start, claim)


def _name(start: str, claim: int) -> str:
    return f"{start}.{claim}{JOURNAL_SUFFIX}"


def read_trail(written: bytes) -> Trail:
    """The trail of a journal's bytes. A last record that is not all there was never written: nothing followed it."""
    answers: dict[int, Answer] = {}
    for start in range(0, len(written) - RECORD_SIZE + 1, RECORD_SIZE):
        facts = written[start : start + _FACTS.size]
        what, position, code, milliseconds, seconds = _FACTS.unpack(facts)
        kind = AnswerKind.UNANSWERED if what == _ATTEMPTING else _KINDS.get(what)
        (total,) = _SUM.unpack_from(written, start + _FACTS.size)
        if kind is None or total != zlib.crc32(facts):
            return Trail(answers, whole=False)
        answers[position] = Answer(position, kind, code, _reason(kind), seconds + milliseconds / 1000)
    return Trail(answers)


def _reason(kind: AnswerKind) -> str:
    if kind is AnswerKind.UNANSWERED:
        return NO_ANSWER
    return "" if kind in (AnswerKind.ACCEPTED, AnswerKind.NOT_STARTED) else ANSWERED_UNRECORDED
