"""Owns the verdict on one seed: what the receiving side counted, against every number that Carillon shows.

Asks the sandbox's ledger whom a message reached and when; never believes our own tables about that.
"""

from __future__ import annotations

import csv
import datetime
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import asyncpg

from services.runtime import ids
from tests.chaos.operators import Hold
from tests.chaos.unwilling import Place
from tests.chaos.ways import Way
from tests.e2e.books import Books, check_equal, read_books
from tests.streams.listening import Listener
from tools.client import Client, Json
from tools.workspace import Workspace

PROMISED = 1.0  # seconds from the answer to a pause or a suppression to the last start of a call
SCHEMAS = ("campaigns", "segments", "delivery", "analytics")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, in sentences, and what was counted."""

    violations: list[str]
    reached: int
    lost: int
    doubled: int  # people who got two messages where one replaces no other, or under two keys
    repeats: int  # calls for a message that had been accepted before
    marked: int  # messages that Reconcile says may have been repeated
    unknown: int  # parked, since nobody can tell whether they arrived
    suppressed: int  # whose person wanted none, and had not got it
    after_pause: list[float]  # of each pause, seconds from its answer to the last call that started before the resume
    after_leaving: list[float]  # of each place to be left alone, seconds from the answer to the last call that started


async def judge(
    described: Mapping[str, Any],
    workspace: Workspace,
    campaign: str,
    *,
    way: Way,
    recipients: int,
    holds: Sequence[Hold],
    left_alone: Mapping[Place, float],
    in_doubt: int,
) -> Verdict:
    """Everything that can be asked of a campaign at rest."""
    books = await read_books(described, workspace, campaign)
    marked = await _marked(described, campaign)
    verdict = compare(
        books, way=way, recipients=recipients, marked=marked, holds=holds, left_alone=left_alone, in_doubt=in_doubt
    )
    verdict.violations.extend(await _told_elsewhere(described, workspace, campaign, books))
    verdict.violations.extend(await _dead_letters(described))
    return verdict


def compare(
    books: Books,
    *,
    way: Way,
    recipients: int,
    marked: Set[str],
    holds: Sequence[Hold],
    left_alone: Mapping[Place, float],
    in_doubt: int,
) -> Verdict:
    """The ledger against the books; `marked` are the push subscriptions whose message may have been repeated,
    `left_alone` when who wants no messages was told so (UNIX seconds), and so many emails or pushes at most got no
    answer. Of those of other ways than email, only what nobody may try again stays in doubt."""
    keys = defaultdict[Place, set[str]](set)
    for line in books.ledger:
        keys[line["channel"], line["to"]].add(line["key"])
    calls = Counter((line["channel"], line["to"]) for line in books.ledger)
    doubled = sorted(place for place in calls if len(keys[place]) > 1 or (place[0] != "push" and calls[place] > 1))
    repeated = {to for (channel, to), count in calls.items() if channel == "push" and count > 1}
    unknown, suppressed = books.rows.get("unknown", 0), books.rows.get("suppressed", 0)
    may_be_unknown = in_doubt if way is Way.EMAIL else len(left_alone)
    messages = recipients * len(way.value)
    after_pause = [_last_start(books.ledger, hold) for hold in holds]
    after_leaving = [_last_start_for(books.ledger, place, told) for place, told in left_alone.items()]
    violations = [
        *_numbers(books, messages, unknown=unknown, suppressed=suppressed),
        *(f"{to} got {calls[channel, to]} messages by {channel}" for channel, to in doubled),
        *(f"{to} got a message again, and that is not marked" for to in sorted(repeated - marked)),
        *(f"a call started {late:.2f} s after a pause was answered" for late in after_pause if late > PROMISED),
        *(f"somebody was called {late:.2f} s after being left alone" for late in after_leaving if late > PROMISED),
    ]
    repeats = calls.total() - len(calls)
    if max(repeats, len(marked)) > in_doubt:
        violations.append(
            f"{repeats} calls were repeats, {len(marked)} are marked, and so many were in doubt: {in_doubt}"
        )
    if unknown > may_be_unknown:
        violations.append(f"{unknown} are UNKNOWN, and only so many can be: {may_be_unknown}")
    if suppressed > len(left_alone):
        violations.append(f"{suppressed} are SUPPRESSED, and only so many wanted to be: {len(left_alone)}")
    if len(repeated) > books.reconciliation.get("repeated", 0):
        violations.append(f"{len(repeated)} were repeated, Reconcile says {books.reconciliation.get('repeated', 0)}")
    return Verdict(
        violations=violations,
        reached=len(calls),
        lost=max(messages - unknown - suppressed - len(calls), 0),
        doubled=len(doubled),
        repeats=repeats,
        marked=len(marked),
        unknown=unknown,
        suppressed=suppressed,
        after_pause=after_pause,
        after_leaving=after_leaving,
    )


def _numbers(books: Books, messages: int, *, unknown: int, suppressed: int) -> Iterator[str]:
    """The books against each other and against the ledger."""
    try:
        check_equal(books, sent=messages - unknown - suppressed, suppressed=suppressed, unknown=unknown)
    except AssertionError as difference:
        yield f"the books differ: {traceback.extract_tb(difference.__traceback__)[-1].line}"
        yield f"by rows {dict(books.rows)}, reached {len(books.reached)}, {books.reconciliation}, {books.stats}"
        yield f"shown: {books.reachbell}"


def _last_start(ledger: Sequence[Json], hold: Hold) -> float:
    starts = [_seconds(line["at"]) for line in ledger]
    late = [start - hold.answered for start in starts if hold.answered <= start < hold.lifted]
    return max(late, default=0.0)


def _last_start_for(ledger: Sequence[Json], place: Place, told: float) -> float:
    starts = [_seconds(line["at"]) for line in ledger if (line["channel"], line["to"]) == place]
    return max([start - told for start in starts if start > told], default=0.0)


def _seconds(instant: str) -> float:
    return datetime.datetime.fromisoformat(instant).timestamp()


async def _told_elsewhere(described: Mapping[str, Any], workspace: Workspace, campaign: str, books: Books) -> list[str]:
    """The stream's last event and the CSV's row say what the API says."""
    wanted = {"status": books.reachbell["status"]} | {
        name: books.reachbell["stats"][name] for name in ("queued", "sent", "delivered", "failed")
    }
    last = (await Listener(described, workspace).all(campaign, seconds=20))[-1].data or {}
    async with Client(described["dialects"]["reachbell"], workspace.key_header) as reachbell:
        text = await reachbell.text("GET", f"/campaigns/export/project/{workspace.project}.csv")
    row = next(row for row in csv.DictReader(text.splitlines()) if row["id"] == campaign)
    return [
        f"{where} says {name} {told.get(name)}, the API {value}"
        for where, told in (("the stream", last), ("the CSV", row))
        for name, value in wanted.items()
        if str(told.get(name)) != str(value)
    ]


async def _marked(described: Mapping[str, Any], campaign: str) -> set[str]:
    """The push service's own ids of the subscriptions whose message is marked as repeated."""
    connection = await asyncpg.connect(described["postgres"])
    try:
        rows = await connection.fetch(
            "SELECT s.endpoint FROM delivery.outcome o JOIN segments.push_subscription s ON s.id = o.endpoint"
            " WHERE o.repeated AND o.run IN (SELECT id FROM delivery.run WHERE campaign = $1)",
            ids.parse("cmp", campaign),
        )
    finally:
        await connection.close()
    return {row["endpoint"].rpartition("/")[2] for row in rows}


async def _dead_letters(described: Mapping[str, Any]) -> list[str]:
    connection = await asyncpg.connect(described["postgres"])
    try:
        parked = Counter(
            {schema: await connection.fetchval(f"SELECT count(*) FROM {schema}.dead_letter") for schema in SCHEMAS}
        )
    finally:
        await connection.close()
    return [f"{schema} could not digest {count} events" for schema, count in parked.items() if count]
