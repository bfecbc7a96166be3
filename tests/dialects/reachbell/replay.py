"""Owns running a documented curl line as it stands, and comparing an answer with a documented one."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The line itself stays as documented; only what curl tells beside the body is asked for.
ALSO_TELL = "curl() { command curl -sS --max-time 60 -D headers -w '%{stderr}%{http_code}' \"$@\"; }\n"


@dataclass(frozen=True)
class Answered:
    """What curl got."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.text)


def run(line: str, folder: Path) -> Answered:
    """Run a documented line in a folder of its own."""
    command = ["bash", "-euo", "pipefail", "-c", ALSO_TELL + line]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90, check=True)
    lines = (folder / "headers").read_text().splitlines()
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if ": " in line)}
    return Answered(status=int(done.stderr), text=done.stdout, headers=headers)


def assert_documented(answer: Any, documented: Any, path: str = "") -> None:
    """Every documented key, type and value is in the answer."""
    if isinstance(documented, dict):
        assert isinstance(answer, dict), path
        for key, value in documented.items():
            assert key in answer, f"{path}.{key}"
            assert_documented(answer[key], value, f"{path}.{key}")
    else:
        assert type(answer) is type(documented), path
        assert answer == documented, path
