"""Owns a journal that a test can read. Never a file."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.delivery.senders.sender import AnswerKind


@dataclass
class Notes:
    """A journal that remembers; `broken` makes it fail as a full disk does."""

    entries: list[tuple[str, int]] = field(default_factory=list)
    kinds: dict[int, AnswerKind] = field(default_factory=dict)
    broken: bool = False
    broken_answers: bool = False

    def attempting(self, position: int) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.entries.append(("attempting", position))

    def answered(self, position: int, kind: AnswerKind, code: int) -> None:
        if self.broken_answers:
            raise OSError(28, "No space left on device")
        self.entries.append(("answered", position))
        self.kinds[position] = kind
