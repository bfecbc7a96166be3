"""Owns the command: `python -m tests.chaos --seed 7` or `--seed 1..20`, on one stack, one seed after the other.

Prints each fault as it hits and a table at the end; the exit code is 0 only if no promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys
import time

from rich.console import Console
from rich.table import Table

from tests.bench.percentiles import milliseconds
from tests.chaos.schedule import LONG, SHORT, Plan
from tests.chaos.seed import Result, Seed
from tests.chaos.ways import Way
from tests.stacks import own_stack

console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


def main() -> None:
    """Run the seeds."""
    arguments = _arguments()
    seeds, plan, way = _seeds(arguments.seed), _plan(arguments), Way[arguments.way.upper()]
    with own_stack(delivery_processes=2) as stack:
        results = [_run(Seed(stack, seed=seed, plan=plan, way=way, say=_Teller(seed)), seed) for seed in seeds]
    console.print(_table(results))
    sys.exit(any(result is None or result.violations for result in results))


class _Teller:
    """Says each fault with the seed and its time since the beginning."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        console.print(f"seed {self._seed}  {time.monotonic() - self._began:7.2f} s  {text}")


def _run(seed: Seed, number: int) -> Result | None:
    console.print(f"seed {number}")
    try:
        result = asyncio.run(seed.run())
    except AssertionError as problem:
        console.print(f"seed {number}  [red]{problem}[/red]")
        return None
    for violation in result.violations[:20]:
        console.print(f"seed {number}  [red]{violation}[/red]")
    verdict, late = result.verdict, max(result.verdict.after_pause, default=0.0)
    console.print(
        f"seed {number}: lost {verdict.lost}, twice {verdict.doubled}, repeats {verdict.repeats}, unknown"
        f" {verdict.unknown}, ended {result.finished_after:.1f} s after the last fault, {len(verdict.after_pause)}"
        f" pauses, last start {late * 1000:.0f} ms at most; {verdict.suppressed} of {len(verdict.after_leaving)} left"
        f" alone, last start {max(verdict.after_leaving, default=0.0) * 1000:.0f} ms at most;"
        f" {len(result.violations)} violations"
    )
    return result


def _table(results: list[Result | None]) -> Table:
    table = Table(title="Chaos", title_justify="left")
    for column in (
        "seed",
        "faults",
        "while sending",
        "lost",
        "twice",
        "repeats",
        "marked",
        "unknown",
        "left alone",
        "ended after",
        "verdict",
    ):
        table.add_column(column)
    for result in filter(None, results):
        verdict = result.verdict
        table.add_row(
            str(result.seed),
            str(result.faults),
            str(result.faults_while_sending),
            str(verdict.lost),
            str(verdict.doubled),
            str(verdict.repeats),
            str(verdict.marked),
            str(verdict.unknown),
            str(verdict.suppressed),
            f"{result.finished_after:.1f} s",
            f"{len(result.violations)} violations" if result.violations else "kept",
        )
    pauses = [late for result in results if result for late in result.verdict.after_pause]
    leaving = [late for result in results if result for late in result.verdict.after_leaving]
    captions = [
        f"last call start after {len(lates)} answered {what}: {milliseconds(lates)}"
        for what, lates in (("pauses", pauses), ("suppressions", leaving))
        if lates
    ]
    table.caption = "\n".join(captions)
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", default="1", help="a number, or a range such as 1..20")
    parser.add_argument("--recipients", type=int, help="how many people")
    parser.add_argument("--kills", type=int, help="how many of our processes are killed")
    ways = [way.name.lower() for way in Way]
    parser.add_argument("--way", choices=ways, default="push", help="the channels of the campaign")
    parser.add_argument("--short", action="store_true", help="1,000 recipients and 10 kills instead of 10,000 and 100")
    return parser.parse_args()


def _seeds(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


def _plan(arguments: argparse.Namespace) -> Plan:
    plan = SHORT if arguments.short else LONG
    wanted = {"recipients": arguments.recipients, "kills": arguments.kills}
    return dataclasses.replace(plan, **{name: value for name, value in wanted.items() if value})


if __name__ == "__main__":
    main()
