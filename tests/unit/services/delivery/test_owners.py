"""The living are told from the dead by their locks, with real processes that really die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from services.delivery.owners import Owner, Owners, _machine

HOLD_THE_LOCK = """
import sys
from pathlib import Path
from services.delivery.owners import Owners
owners = Owners(Path(sys.argv[1]))
print(owners.me, flush=True)
sys.stdin.readline()
owners.close()
"""
LEAVE_A_CHILD_BEHIND = """
import subprocess, sys
from pathlib import Path
from services.delivery.owners import Owners
owners = Owners(Path(sys.argv[1]))
child = subprocess.Popen(["sleep", "30"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print(owners.me, child.pid, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Owners]:
    """This process' own lock."""
    owners = Owners(tmp_path)
    yield owners
    owners.close()


@contextmanager
def another_process(directory: Path, script: str = HOLD_THE_LOCK) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A process that holds its lock until its standard input ends, and what it said of itself."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().split()
    finally:
        process.kill()
        process.communicate()


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def test_a_living_process_is_not_dead(mine: Owners, tmp_path: Path) -> None:
    with another_process(tmp_path) as (_, (name,)):
        assert not mine.is_dead(Owner.parse(name), lease_over=True)


def test_a_killed_process_is_dead(mine: Owners, tmp_path: Path) -> None:
    with another_process(tmp_path) as (process, (name,)):
        kill(process)

        assert mine.is_dead(Owner.parse(name), lease_over=False)
        assert mine.is_dead(Owner.parse(name), lease_over=False), "asked twice, it is as dead"


def test_a_killed_process_is_dead_before_anybody_has_waited_for_it(mine: Owners, tmp_path: Path) -> None:
    with another_process(tmp_path) as (process, (name,)):
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended; nobody has reaped it

        assert mine.is_dead(Owner.parse(name), lease_over=False)


def test_a_frozen_process_is_not_dead_however_old_its_lease(mine: Owners, tmp_path: Path) -> None:
    with another_process(tmp_path) as (process, (name,)):
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)

        assert not mine.is_dead(Owner.parse(name), lease_over=True)


def test_a_process_that_stopped_in_good_order_is_dead(mine: Owners, tmp_path: Path) -> None:
    with another_process(tmp_path) as (process, (name,)):
        process.communicate("\n")

        assert mine.is_dead(Owner.parse(name), lease_over=False)


def test_a_child_that_outlives_its_process_does_not_keep_the_lock(mine: Owners, tmp_path: Path) -> None:
    with another_process(tmp_path, LEAVE_A_CHILD_BEHIND) as (process, (name, child)):
        kill(process)

        try:
            os.kill(int(child), 0)  # it lives
            assert mine.is_dead(Owner.parse(name), lease_over=False)
        finally:
            os.kill(int(child), signal.SIGKILL)


def test_asking_leaves_the_lock_with_its_owner(mine: Owners, tmp_path: Path) -> None:
    with another_process(tmp_path) as (_, (name,)):
        mine.is_dead(Owner.parse(name), lease_over=True)
        third = Owners(tmp_path)

        assert not third.is_dead(Owner.parse(name), lease_over=True)
        third.close()


def test_a_process_of_another_boot_is_dead(mine: Owners) -> None:
    of_another_boot = replace(mine.me, boot="another", start="0")

    assert mine.is_dead(of_another_boot, lease_over=False)


@pytest.mark.parametrize("lease_over", [True, False])
def test_of_another_machine_only_the_lease_tells(mine: Owners, lease_over: bool) -> None:
    elsewhere = replace(mine.me, machine="another", boot="another", start="0")

    assert mine.is_dead(elsewhere, lease_over=lease_over) is lease_over


def test_nobody_is_dead_to_himself(mine: Owners) -> None:
    assert not mine.is_dead(mine.me, lease_over=True)


def test_two_starts_share_their_machine_and_boot_and_nothing_else(mine: Owners, tmp_path: Path) -> None:
    with another_process(tmp_path) as (_, (name,)):
        other = Owner.parse(name)

    assert (other.machine, other.boot) == (mine.me.machine, mine.me.boot)
    assert other.start != mine.me.start
    assert other.machine


def test_those_who_share_no_directory_are_different_machines(mine: Owners, tmp_path: Path) -> None:
    elsewhere = Owners(tmp_path / "elsewhere")

    assert elsewhere.me.machine != mine.me.machine
    elsewhere.close()


def test_those_who_come_first_together_agree_on_their_machine(tmp_path: Path) -> None:
    for attempt in range(20):
        told: set[str] = set()
        start = threading.Barrier(8)

        def come(path: Path = tmp_path / str(attempt), told: set[str] = told, start: threading.Barrier = start) -> None:
            start.wait()
            told.add(_machine(path))

        threads = [threading.Thread(target=come) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(told) == 1
        assert told != {""}


def test_a_name_is_read_back(mine: Owners) -> None:
    assert Owner.parse(str(mine.me)) == mine.me
