"""A process starts its parts in order, waits for a signal, and stops them the other way round."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from services.runtime.process import Part, _live


class Recorded:
    """A part that writes down what happens to it."""

    def __init__(self, name: str, diary: list[str], *, then: Callable[[], None] = lambda: None) -> None:
        self._name = name
        self._diary = diary
        self._then = then

    async def start(self) -> None:
        self._diary.append(f"start {self._name}")
        self._then()

    async def stop(self) -> None:
        self._diary.append(f"stop {self._name}")


class Unstoppable(Recorded):
    """One that fails to stop."""

    async def stop(self) -> None:
        await super().stop()
        raise LookupError("a defect")


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def fail() -> None:
    raise OSError("the port is taken")


async def live(parts: list[Part]) -> None:
    await _live("test", lambda: parts)


async def test_parts_stop_in_the_opposite_order_of_their_start() -> None:
    diary: list[str] = []

    await live([Recorded("one", diary), Recorded("two", diary), Recorded("three", diary, then=terminate)])

    assert diary == ["start one", "start two", "start three", "stop three", "stop two", "stop one"]


async def test_a_part_that_does_not_start_ends_the_process_after_stopping_the_others() -> None:
    diary: list[str] = []

    with pytest.raises(OSError, match="the port is taken"):
        await live([Recorded("one", diary), Recorded("two", diary, then=fail), Recorded("three", diary)])

    assert diary == ["start one", "start two", "stop one"]


async def test_a_part_that_does_not_stop_keeps_no_other_from_stopping() -> None:
    diary: list[str] = []

    await live([Recorded("one", diary), Unstoppable("two", diary, then=terminate)])

    assert diary == ["start one", "start two", "stop two", "stop one"]
