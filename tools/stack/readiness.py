"""Owns the wait until programs are ready, and the words for those that never were."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from tools.stack.asking import ask_all
from tools.stack.errors import StackError
from tools.stack.layout import Layout
from tools.stack.programs import Program
from tools.stack.supervisor_client import ProcessState, Supervisor

_PAUSE = 0.05
_LAST_LINES = 15


def wait_until_ready(programs: Iterable[Program], supervisor: Supervisor, layout: Layout, *, seconds: float) -> None:
    """Return when all are ready. Raises StackError with the log's end where one gave up or time ran out."""
    missing = {program.name: program.ready for program in programs}
    until = time.monotonic() + seconds
    while missing:
        answers = ask_all(missing, seconds=1.0)
        missing = {name: probe for name, probe in missing.items() if not answers[name]}
        _give_up(missing, supervisor.processes(), layout, late=time.monotonic() > until)
        time.sleep(_PAUSE)


def _give_up(missing: Mapping[str, object], states: list[ProcessState], layout: Layout, *, late: bool) -> None:
    for one in states:
        if one.name in missing and one.state == "FATAL":
            raise StackError(
                f"{one.name} ends whenever it is started. Its log ends with:\n{last_lines(layout, one.name)}"
            )
    if missing and late:
        name = next(iter(missing))
        raise StackError(
            f"not ready in time: {', '.join(missing)}. The log of {name} ends with:\n{last_lines(layout, name)}"
        )


def last_lines(layout: Layout, program: str) -> str:
    """The end of a program's log, with its path above it."""
    path = layout.log(program)
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    except FileNotFoundError:
        lines = ["(no log)"]
    return "\n".join(f"  {line}" for line in (str(path), *lines))
