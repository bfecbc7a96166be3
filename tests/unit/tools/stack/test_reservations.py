"""Two stacks that start at once do not choose the same ports, and a dead one holds none."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tools.stack import reservations


@pytest.fixture(autouse=True)
def own_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))


def test_a_port_that_another_start_has_reserved_is_not_given_again() -> None:
    first = reservations.reserve({"kafka": 19000})

    second = reservations.reserve({"kafka": 19000})

    assert second["kafka"] > first["kafka"]


def test_a_reservation_ends_with_its_process() -> None:
    first = reservations.reserve({"kafka": 19000})
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        reservations.hand_over(to=other.pid)
        while_it_lives = reservations.reserve({"kafka": first["kafka"]})
        other.kill()

    after_its_end = reservations.reserve({"kafka": first["kafka"]})

    assert while_it_lives["kafka"] > first["kafka"]
    assert after_its_end == first


def test_a_pid_that_came_back_as_another_process_holds_nothing() -> None:
    born_long_ago = f"{os.getpid()} 1.0"

    assert reservations._living({"19000": born_long_ago}) == {}
