"""Campaigns by email and by HTTP calls, whole: from the create through Kafka, claims, journal, recorded outcomes and
progress to completion, beside the plain way of sending the same to the same sandbox.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import asyncpg
import psutil

from services.delivery.domain.accounts import secret_bytes
from services.delivery.senders.webhook_signature import WebhookSigner
from services.runtime import ids
from tests.e2e.books import check_equal, read_books
from tools.client import Client, Json
from tools.providers import add_endpoint, add_mail_account, add_template
from tools.workspace import Workspace, last_part

LINE = "It left our warehouse this morning and arrives tomorrow between nine and noon."
GREETING = "Hello, {{ external_id }} of the {{ plan | default('free') }} plan!"
TEMPLATE: Json = {
    "displayName": "Four kilobytes",
    "subject": "Your order is on its way, {{ external_id }}",
    "text": f"{GREETING}\n" + f"{LINE}\n" * 12,
    "html": f"<h1>{GREETING}</h1>\n" + f"<p>{LINE}</p>\n" * 28,
}
PLAIN_CONNECTIONS = 32


@dataclass(frozen=True)
class Turn:
    """One campaign: seconds from the create to the end, messages a second while they were sent, processor µs each."""

    campaign: str
    seconds: float
    sending: float
    costs: Mapping[str, float]


async def email(described: Mapping[str, Any], workspace: Workspace, *, people: int) -> Turn:
    """To everybody of the workspace, merged for each, over ten connections."""
    account = await add_mail_account(described, workspace, connections=10)
    template = await add_template(described, workspace, TEMPLATE)
    content = {"providerAccount": account, "template": template, "fromEmail": "news@example.com"}
    return await _turn(described, workspace, {"channels": ["CHANNEL_EMAIL"], "emailContent": content}, people)


async def calls(described: Mapping[str, Any], workspace: Workspace, *, people: int) -> Turn:
    """To everybody of the workspace, two thousand in a call."""
    account = await add_endpoint(described, workspace, recipientsPerCall=2000)
    content = {"providerAccount": account, "content": '{"title": "On its way"}', "contactFields": ["plan", "country"]}
    return await _turn(described, workspace, {"channels": ["CHANNEL_HTTP"], "httpContent": content}, people)


async def call_plainly(sandbox: str, count: int) -> float:
    """One signed POST per recipient by aiohttp; calls a second."""
    async with Client(sandbox) as client:
        signer = WebhookSigner(secret_bytes((await client.call("GET", "/batches/secret"))["secret"]))
    left, stamp = iter(range(count)), time.time_ns()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=PLAIN_CONNECTIONS)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(_call(session, sandbox, signer, left, stamp) for _ in range(PLAIN_CONNECTIONS)))
        return count / (time.perf_counter() - began)


async def _call(
    session: aiohttp.ClientSession, sandbox: str, signer: WebhookSigner, left: Iterator[int], stamp: int
) -> None:
    for number in left:
        key = f"plain-{stamp}-{number}"
        recipient = {"key": key, "to": f"person-{number}", "fields": {"plan": "pro", "country": "US"}}
        said = {"campaign": "plain", "run": "plain", "content": {"title": "On its way"}, "recipients": [recipient]}
        body = json.dumps(said).encode()
        signed = signer.headers(key.encode(), body, now=int(time.time())).decode().splitlines()
        headers = dict(line.split(": ", 1) for line in signed) | {"Idempotency-Key": key}
        async with session.post(f"{sandbox}/batches", data=body, headers=headers) as answer:
            assert answer.status == 200
            await answer.read()


async def _turn(described: Mapping[str, Any], workspace: Workspace, definition: Json, people: int) -> Turn:
    whole = {"displayName": "Bench", "audience": {"filter": {}}, "schedule": {"immediate": True}} | definition
    before = processor_seconds(described)
    async with Client(described["native"], workspace.key_header) as native:
        began = time.monotonic()
        made = await native.call("POST", f"/v1/projects/{workspace.project}/campaigns", whole)
    campaign = last_part(made["name"])
    async with Client(described["dialects"]["reachbell"]) as browser:
        path = f"/campaigns/{campaign}/stream"
        async for _ in browser.events(path, token=workspace.jwt, orgId=workspace.organization):
            pass
    seconds = time.monotonic() - began
    after = processor_seconds(described)
    sending = await _sending_rate(described, campaign)
    check_equal(await read_books(described, workspace, campaign), sent=people)
    costs = {part: (after[part] - before[part]) / people * 1e6 for part in before if part in after}
    return Turn(campaign, seconds, sending, costs)


async def _sending_rate(described: Mapping[str, Any], campaign: str) -> float:
    """Messages a second between the first and the last answer."""
    connection = await asyncpg.connect(described["postgres"])
    try:
        row = await connection.fetchrow(
            "SELECT count(*) AS n, extract(epoch FROM max(final_at) - min(final_at))::float AS seconds"
            " FROM delivery.outcome WHERE run IN (SELECT id FROM delivery.run WHERE campaign = $1)",
            ids.parse("cmp", campaign),
        )
    finally:
        await connection.close()
    return float(row["n"] / max(row["seconds"], 0.001))


def processor_seconds(described: Mapping[str, Any]) -> dict[str, float]:
    """Since each process' start, by part; of PostgreSQL with all its backends that live."""
    spent = {}
    for part, pids in described["processes"].items():
        processes = [psutil.Process(pid) for pid in pids]
        children = itertools.chain.from_iterable(process.children(recursive=True) for process in processes)
        spent[part] = sum(_seconds_of(process) for process in [*processes, *children])
    return spent


def _seconds_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
