"""Owns the commands that run once in every start: the migration and Envoy's configuration; no lasting process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from tools.stack.errors import StackError
from tools.stack.layout import REPOSITORY, Layout
from tools.stack.readiness import last_lines
from tools.stack.supervision import MARK


def run_module(layout: Layout, name: str, *arguments: str, environment: Mapping[str, str]) -> None:
    """Run `python -m …` to its end, its output in a log of its own. Raises StackError with the log's end."""
    with layout.log(name).open("w", encoding="utf-8") as log:
        finished = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **environment, MARK: str(layout.directory)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if finished.returncode:
        raise StackError(f"{' '.join(arguments)} failed. Its log ends with:\n{last_lines(layout, name)}")
