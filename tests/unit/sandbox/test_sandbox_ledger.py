"""The ledger: nothing that was flushed is ever lost, nothing that was torn is ever read."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.ledger import Ledger


def _note(ledger: Ledger, *keys: str) -> None:
    for key in keys:
        ledger.append(channel=1, at=1_790_000_000_000, to="somebody", key=key, body=b"body of " + key.encode())
    ledger.flush()


def _keys(ledger: Ledger) -> list[str]:
    return [record.key for record in ledger.read(0, 1_000)]


def _keys_of(ledger: Ledger, first: int, count: int) -> list[str]:
    return [record.key for record in ledger.read(first, count)]


def test_what_was_flushed_is_read_again_by_another_start(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "log")
    _note(first, "a", "b", "a")

    second = Ledger(tmp_path / "log")

    assert _keys(second) == ["a", "b", "a"]
    assert [record.repeat for record in second.read(0, 9)] == [False, False, True]
    assert (len(second), second.repeats) == (3, 1)
    record = second.read(1, 1)[0]
    assert (record.number, record.channel, record.at, record.to, record.body) == (
        1,
        1,
        1_790_000_000_000,
        "somebody",
        b"body of b",
    )
    _note(second, "b")
    assert second.repeats == 2


def test_a_record_torn_at_any_byte_is_cut_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    _note(Ledger(path), "a")
    whole = path.read_bytes()
    _note(Ledger(path), "b")
    both = path.read_bytes()

    for size in range(len(whole), len(both)):
        path.write_bytes(both[:size])
        ledger = Ledger(path)
        assert (_keys(ledger), path.stat().st_size) == (["a"], len(whole))
        _note(ledger, "c")
        assert _keys(Ledger(path)) == ["a", "c"]


def test_a_record_whose_bytes_have_changed_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    _note(Ledger(path), "a", "b")
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)

    assert _keys(Ledger(path)) == ["a"]


@settings(deadline=None, max_examples=30)
@given(records=st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30), st.binary(max_size=5_000)), max_size=20))
def test_any_text_and_any_bytes_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[str, str, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "log"
    ledger = Ledger(path)
    for to, key, body in records:
        ledger.append(channel=3, at=5, to=to, key=key, body=body)
    ledger.flush()

    assert [(each.to, each.key, each.body) for each in Ledger(path).read(0, 100)] == records


def test_a_call_is_read_recipient_by_recipient_wherever_reading_begins(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "log")
    _note(ledger, "before")
    keys = [str(number) for number in range(5)]
    recipients = [{"key": key, "to": f"to-{key}", "fields": {"n": int(key)}} for key in keys]
    body = json.dumps({"campaign": "c", "content": {"title": "Hi"}, "recipients": recipients}).encode()
    ledger.append_call(channel=3, at=7, keys=keys, body=body)
    _note(ledger, "behind", "4")
    every = ["before", "0", "1", "2", "3", "4", "behind", "4"]

    for start in (ledger, Ledger(tmp_path / "log")):
        assert [_keys_of(start, first, 3) for first in range(9)] == [every[first : first + 3] for first in range(9)]
        assert [record.number for record in start.read(2, 5)] == [2, 3, 4, 5, 6]
        assert start.read(3, 1)[0].body == b'{"campaign":"c","content":{"title":"Hi"},"fields":{"n":2}}'
        assert start.read(3, 1)[0].to == "to-2"
        assert (start.knows(3, "4"), start.knows_none(3, ["4", "5"]), start.knows_none(3, ["5", "5"])) == (
            True,
            False,
            False,
        )


def test_a_log_of_many_blocks_is_found_whole(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "log")
    for number in range(3_000):
        ledger.append(channel=1, at=number, to="x", key=str(number), body=b"y" * 1_000)
    ledger.flush()

    again = Ledger(tmp_path / "log")

    assert len(again) == 3_000
    assert [record.key for record in again.read(2_998, 50)] == ["2998", "2999"]


def test_calls_without_a_key_are_never_repeats(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "log")
    _note(ledger, "", "")

    assert ledger.repeats == 0


def test_a_new_log_is_empty_and_who_was_reading_the_old_one_reads_on(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "log")
    _note(ledger, "a", "b")
    reading = ledger.snapshot()

    ledger.clear()
    _note(ledger, "a")

    assert [record.key for record in reading.read(0, 10)] == ["a", "b"]
    assert (_keys(ledger), ledger.repeats) == (["a"], 0)
    assert _keys(Ledger(tmp_path / "log")) == ["a"]


def test_a_call_that_is_answered_after_a_new_log_began_is_in_the_new_log(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "log")
    ledger.append(channel=1, at=1, to="somebody", key="a", body=b"")

    ledger.clear()
    ledger.flush()

    assert (_keys(ledger), _keys(Ledger(tmp_path / "log"))) == (["a"], ["a"])


def test_a_write_that_fails_halfway_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path / "log")
    _note(ledger, "a")
    size = (tmp_path / "log").stat().st_size

    def full(data: bytes) -> None:
        with (tmp_path / "log").open("ab") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "_write", full)
        with pytest.raises(OSError, match="no space"):
            _note(ledger, "a", "b")

    assert (tmp_path / "log").stat().st_size == size
    assert ledger.repeats == 0
    _note(ledger, "b")
    assert [record.repeat for record in Ledger(tmp_path / "log").read(0, 9)] == [False, False]
