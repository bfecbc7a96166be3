"""stack.json: its keys are a contract, and it never tells of what does not run."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tools.stack import description
from tools.stack.layout import Layout
from tools.stack.parts import PARTS
from tools.stack.ports import wishes


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def addresses(parts: tuple[str, ...] = PARTS) -> description.Description:
    by_name = wishes(delivery_processes=1, previous={"kafka": 19092})
    return description.addresses(by_name, parts=parts, dialects=("reachbell",), postgres="postgresql://…")


def test_a_whole_stack_tells_every_documented_address() -> None:
    assert addresses() == {
        "native": "http://127.0.0.1:8080",
        "grpc": "127.0.0.1:8080",
        "public": "http://127.0.0.1:8088",
        "dialects": {"reachbell": "http://127.0.0.1:8081"},
        "postgres": "postgresql://…",
        "kafka": "127.0.0.1:19092",
        "sandbox": "http://127.0.0.1:8090",
        "smtp": "127.0.0.1:2525",
    }


def test_a_part_that_does_not_run_is_absent() -> None:
    assert addresses(("postgres", "kafka")).keys() == {"postgres", "kafka"}


def test_pids_are_grouped_by_part_and_what_does_not_run_has_none() -> None:
    grouped = description.group([("delivery-1", 11), ("delivery-2", 12), ("kafka", 13), ("envoy", 0)])

    assert grouped == {"delivery": [11, 12], "kafka": [13], "envoy": []}


def test_only_its_owner_may_read_it(layout: Layout) -> None:
    description.begin(layout, addresses(), {})

    assert stat.S_IMODE(layout.description.stat().st_mode) == 0o600


def test_new_pids_leave_everything_else_as_it_was(layout: Layout) -> None:
    description.begin(layout, addresses(), {"kafka": [1]})

    description.set_processes(layout, {"kafka": [2]})

    assert description.read(layout) == {**addresses(), "processes": {"kafka": [2]}}


def test_the_sample_survives_new_pids_and_the_next_start(layout: Layout) -> None:
    description.begin(layout, addresses(), {})
    description.set_sample(layout, {"project": "proj_1"})

    description.set_processes(layout, {"kafka": [2]})
    told_before = description.read(layout)
    description.end(layout)
    description.begin(layout, addresses(), {})
    told_after = description.read(layout)

    assert told_before is not None and told_before["sample"] == {"project": "proj_1"}
    assert told_after is not None and told_after["sample"] == {"project": "proj_1"}


def test_a_stack_that_is_not_ready_or_is_down_has_no_description(layout: Layout) -> None:
    description.set_processes(layout, {"kafka": [2]})
    assert description.read(layout) is None

    description.begin(layout, addresses(), {})
    description.end(layout)
    description.set_processes(layout, {"kafka": [3]})
    assert description.read(layout) is None


def test_a_file_that_a_crash_cut_short_reads_as_none(layout: Layout) -> None:
    layout.description.write_text(json.dumps(addresses())[:40])

    assert description.read(layout) is None
