"""Which directories PostgreSQL's user can enter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.stack import unprivileged


@pytest.fixture
def inner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "repository" / "inner"
    directory.mkdir(parents=True)
    for one in (directory, *directory.parents[:2]):
        one.chmod(0o755)
    # What is above the test's own directories is none of its business.
    monkeypatch.setattr(unprivileged, "_way_to", lambda path: (path, *path.parents[:2]))
    return directory


def test_a_directory_is_open_where_all_above_it_are(inner: Path) -> None:
    assert unprivileged.open_to_all(inner)


def test_one_private_directory_above_closes_everything_below(inner: Path) -> None:
    inner.parent.chmod(0o700)

    assert not unprivileged.open_to_all(inner)


def test_the_right_to_list_is_not_needed(inner: Path) -> None:
    inner.parent.chmod(0o711)

    assert unprivileged.open_to_all(inner)


def test_a_tree_that_is_opened_keeps_what_is_executable(inner: Path) -> None:
    program, text = inner / "program", inner / "text"
    program.touch(mode=0o700)
    text.touch(mode=0o600)

    unprivileged.let_all_read(inner)

    assert (program.stat().st_mode & 0o777, text.stat().st_mode & 0o777) == (0o755, 0o644)
