"""supervisord.conf: read back the way supervisord reads it."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

import pytest

from tools.stack import supervision
from tools.stack.errors import StackError
from tools.stack.layout import Layout
from tools.stack.probes import Probe, Question
from tools.stack.programs import Program

PROBE = Probe(Question.HTTP_OK, 1, "/live")


def program(**given: object) -> Program:
    defaults = {"name": "kafka", "part": "kafka", "command": ("java", "kafka.Kafka"), "live": PROBE, "ready": PROBE}
    return Program(**{**defaults, **given})  # type: ignore[arg-type]


def section(layout: Layout, one: Program) -> configparser.SectionProxy:
    parsed = configparser.ConfigParser()
    parsed.read_string(supervision.configuration(layout, [one]))
    return parsed[f"program:{one.name}"]


def test_a_program_is_always_started_again_but_never_by_itself_the_first_time(tmp_path: Path) -> None:
    written = section(Layout(tmp_path), program())

    assert (written["autostart"], written["autorestart"]) == ("false", "true")


def test_how_it_stops_is_the_programs_own(tmp_path: Path) -> None:
    written = section(Layout(tmp_path), program(stop_signal="INT", stop_seconds=30, user="nobody"))

    assert (written["stopsignal"], written["stopwaitsecs"], written["user"]) == ("INT", "30", "nobody")


def test_a_percent_sign_is_taken_literally(tmp_path: Path) -> None:
    odd = program(command=("run", "100%"), environment={"PASSWORD": "a%b"})

    written = section(Layout(tmp_path / "50%"), odd)

    assert written["command"] == "run 100%"
    assert 'PASSWORD="a%b"' in written["environment"]
    assert "50%/" in written["stdout_logfile"]


def test_a_command_with_spaces_stays_one_word_each(tmp_path: Path) -> None:
    written = section(Layout(tmp_path), program(command=("/my programs/java", "-cp", "a b")))

    assert written["command"] == "'/my programs/java' -cp 'a b'"


@pytest.mark.parametrize("value", ['a"b', "a\nb"])
def test_a_value_that_supervisord_cannot_carry_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(StackError, match="PASSWORD"):
        supervision.configuration(Layout(tmp_path), [program(environment={"PASSWORD": value})])


def test_the_file_with_the_secrets_is_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path)

    supervision.write_configuration(layout, [program(environment={"PASSWORD": "secret"})])

    assert "secret" in layout.supervisor_configuration.read_text()
    assert layout.supervisor_configuration.stat().st_mode & 0o077 == 0


def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path: Path) -> None:
    layout = Layout(tmp_path / ("long" * 30))
    layout.directory.mkdir()

    supervision.write_configuration(layout, [program()])

    assert len(os.fsencode(layout.socket)) < 90
    layout.socket_link.readlink().rmdir()
