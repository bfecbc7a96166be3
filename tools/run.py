"""Owns `make run`: the stack, the sample, one campaign through the documented ReachBell API with a live progress bar,
its reconciliation, and then serving until Ctrl-C. With `--once` it ends after the campaign: 0 only if it reconciled.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tools.client import Client, Json
from tools.sample import ensure_sample
from tools.stack.errors import StackError
from tools.stack.stack import Stack

console = Console(highlight=False)

CAMPAIGN: Json = {
    "name": "Spring sale launch",
    "content": {
        "title": "Spring sale is live",
        "body": "30% off everything until Sunday.",
        "iconUrl": "https://cdn.example.com/icon-192.png",
        "clickUrl": "https://example.com/sale",
        "actions": [{"action": "shop", "title": "Shop now"}],
    },
    "segment": {"filters": {"tags": ["newsletter"]}},
    "schedule": {"mode": "immediate"},
    "utm": {"source": "reachbell", "medium": "push", "campaign": "spring-sale"},
}


@click.command()
@click.option("--once", is_flag=True, help="End after the campaign.")
def main(once: bool) -> None:
    """Start everything, send a sample campaign, keep serving."""
    stack = Stack(say=console.print)
    try:
        stack.up()
        balanced = asyncio.run(_show(stack))
        if not once:
            _serve_until_interrupted()
    except StackError as error:
        console.print(f"[red]{error}")
        sys.exit(1)
    except KeyboardInterrupt:
        balanced = False
    finally:
        console.print("stopping")
        stack.down()
    sys.exit(0 if balanced or not once else 1)


async def _show(stack: Stack) -> bool:
    sample = await ensure_sample(stack, say=console.print)
    described = stack.description()
    assert described is not None, "the stack runs"
    console.print("sending a campaign through the ReachBell API")
    async with Client(described["dialects"]["reachbell"], {"x-api-key": sample["api_key"]}) as reachbell:
        started = time.monotonic()
        campaign = await reachbell.call("POST", "/campaigns", CAMPAIGN | {"projectId": sample["project"]})
        console.print(f"  {campaign['id']} is {campaign['status']} to {campaign['stats']['queued']:,} people")
        await _watch(described, sample, campaign)
        console.print(f"  sent in {time.monotonic() - started:.1f} s")
        shown = await reachbell.call("GET", f"/campaigns/{campaign['id']}")
    async with Client(described["native"], {"x-api-key": sample["api_key"]}) as native:
        name = f"/v1/projects/{sample['project']}/campaigns/{campaign['id']}"
        reconciliation = await native.call("GET", f"{name}:reconcile")
    async with Client(described["sandbox"]) as sandbox:
        ledger = [line async for line in sandbox.lines("GET", "/messages", campaign=campaign["id"])]
    balanced = _balance(shown, reconciliation, ledger)
    _addresses(described, sample, campaign["id"])
    return balanced


async def _watch(described: Json, sample: Json, campaign: Json) -> None:
    bar = Progress(
        TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    # The stream takes a token in its query, since a browser's EventSource cannot set a header.
    async with Client(described["dialects"]["reachbell"]) as browser:
        with bar:
            task = bar.add_task("sending", total=campaign["stats"]["queued"])
            path = f"/campaigns/{campaign['id']}/stream"
            async for event in browser.events(path, token=sample["jwt"], orgId=sample["organization"]):
                done = event["sent"] + event["failed"]
                bar.update(task, completed=done, total=event["queued"], description=event["status"])


def _balance(shown: Json, reconciliation: Json, ledger: list[Json]) -> bool:
    """Print every book side by side; whether they say the same."""
    states = ("pending", "sent", "failed", "suppressed", "cancelled", "expired", "unknown")
    table = Table(title="Reconciliation", title_justify="left")
    for column in ("", *states):
        table.add_column(column, justify="right" if column else "left")
    for book in ("delivery", "analytics", "shown"):
        table.add_row(book, *(f"{reconciliation.get(book, {}).get(state, 0):,}" for state in states))
    console.print(table)
    people = {line["to"] for line in ledger}
    twice = sum(line["repeat"] for line in ledger)
    audience = reconciliation.get("audience", 0)
    console.print(f"  audience {audience:,}; the push service accepted {len(ledger):,} calls")
    console.print(f"  to {len(people):,} different subscriptions, {twice:,} of them repeated")
    console.print(f"  ReachBell says {shown['status']}, sent {shown['stats']['sent']:,}")
    for difference in reconciliation.get("differences", []):
        console.print(f"  [red]{difference}")
    sent = reconciliation.get("delivery", {}).get("sent", 0)
    balanced = bool(reconciliation.get("balanced")) and len(people) == sent == shown["stats"]["sent"] and not twice
    console.print("  [green]everybody is accounted for" if balanced else "  [red]the books differ")
    return balanced


def _addresses(described: dict[str, Any], sample: Json, campaign: str) -> None:
    reachbell, native = described["dialects"]["reachbell"], described["native"]
    console.print(f"\nReachBell API    {reachbell}")
    console.print(f"native API       {native}  (REST and gRPC)")
    console.print(f"what arrived     {described['sandbox']}")
    console.print(f"API key          {sample['api_key']}")
    console.print(f"project          {sample['project']}\n")
    console.print(f"curl {reachbell}/campaigns/{campaign} -H 'x-api-key: {sample['api_key']}'", soft_wrap=True)
    console.print(
        f"curl -X POST {reachbell}/campaigns -H 'x-api-key: {sample['api_key']}' "
        "-H 'Content-Type: application/json' "
        f'-d \'{{"name": "Hello", "projectId": "{sample["project"]}", "content": {{"title": "Hello"}}, '
        '"segment": {"filters": {"country": ["US"]}}, "schedule": {"mode": "immediate"}}\'\n',
        soft_wrap=True,
    )


def _serve_until_interrupted() -> None:
    console.print("serving; Ctrl-C stops everything")
    signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
