"""Owns the proof: delivery's rows, its events and the provider's ledger, held against each other.

Never mends or explains anything: every difference is a sentence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from carillon.events.v1.endpoint_retired_pb2 import EndpointsRetired
from carillon.events.v1.message_outcomes_pb2 import OutcomeBatch
from carillon.events.v1.run_ended_pb2 import RunEnded

from services import topics
from services.delivery import messages
from services.delivery.domain.channels import UnknownPolicy, parks
from services.delivery.run_repository import SENDING
from services.message_states import MessageState
from services.runtime import ids
from services.runtime.database import Database, Transaction
from tests.integration.delivery.audiences import Place, Run
from tests.integration.delivery.outside_world import OutsideWorld
from tests.integration.waiting import eventually

LATE = b"late:"  # how the ids of such events begin
WAITING = """
SELECT batch, p AS position FROM {table} w, unnest(w.positions) part, generate_series(lower(part), upper(part) - 1) p
 WHERE run = $1
"""


@dataclass(frozen=True)
class Outcome:
    """One row of outcomes."""

    state: MessageState
    reason: str
    attempts: int
    repeated: bool


@dataclass(frozen=True)
class Books:
    """What delivery has written of one run, at one instant."""

    state: int
    due: Counter[Place]
    claimed: Counter[Place]
    outcomes: dict[Place, Outcome]
    published: Counter[Place]  # in events that tell of outcomes
    learnt: list[Place]  # in events that tell of late answers
    ended: list[RunEnded]
    retired: list[bytes]

    @property
    def at_rest(self) -> bool:
        """Whether the run has ended."""
        return self.state != SENDING

    def counts(self) -> dict[str, int]:
        """State → messages, those that there are."""
        return dict(Counter(outcome.state.name for outcome in self.outcomes.values()))

    def places(self, state: MessageState) -> set[Place]:
        """Where the messages stand that ended so."""
        return {place for place, outcome in self.outcomes.items() if outcome.state is state}


async def read_books(database: Database, run: Run) -> Books:
    """Everything in one snapshot."""

    async def work(tx: Transaction) -> Books:
        await tx.raw.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return await _read(tx, run)

    return await database.transaction(work)


async def at_rest(database: Database, run: Run, *, seconds: float = 15.0) -> Books:
    """The books, once the run has ended."""
    return await eventually(lambda: read_books(database, run), lambda books: books.at_rest, seconds=seconds)


async def _read(tx: Transaction, run: Run) -> Books:
    due = await tx.raw.fetch(WAITING.format(table="due"), run.id)
    claimed = await tx.raw.fetch(WAITING.format(table="claim"), run.id)
    rows = await tx.raw.fetch(
        "SELECT batch, position, state, reason, attempts, repeated FROM outcome WHERE run = $1", run.id
    )
    events = await tx.raw.fetch(
        "SELECT topic, payload, event_id FROM outbox WHERE key = $1 ORDER BY stored_at", run.tenant + run.id
    )
    late = [event["payload"] for event in events if event["event_id"].startswith(LATE)]
    usual = [event for event in events if not event["event_id"].startswith(LATE)]
    payloads = {
        topic.name: [item["payload"] for item in usual if item["topic"] == topic.name] for topic in topics.TOPICS
    }
    told = [OutcomeBatch.FromString(payload) for payload in payloads[topics.MESSAGE_OUTCOMES.name]]
    retired = [EndpointsRetired.FromString(payload) for payload in payloads[topics.ENDPOINT_RETIRED.name]]
    return Books(
        state=await tx.raw.fetchval("SELECT state FROM run WHERE id = $1", run.id),
        due=Counter((row["batch"], row["position"]) for row in due),
        claimed=Counter((row["batch"], row["position"]) for row in claimed),
        outcomes={
            (row["batch"], row["position"]): Outcome(
                MessageState(row["state"]), row["reason"], row["attempts"], row["repeated"]
            )
            for row in rows
        },
        learnt=[(told.batch, place) for told in map(OutcomeBatch.FromString, late) for place in _places(told)],
        published=Counter((event.batch, position) for event in told for position in _places(event)),
        ended=[RunEnded.FromString(payload) for payload in payloads[topics.RUN_ENDED.name]],
        retired=[event.endpoints[at : at + 12] for event in retired for at in range(0, len(event.endpoints), 12)],
    )


def _places(event: OutcomeBatch) -> Sequence[int]:
    """The positions of a batch; one alone is the first of those that stand side by side."""
    if len(event.positions) != 1:
        return event.positions
    return range(event.positions[0], event.positions[0] + len(event.contacts) // ids.SIZE)


def violations(run: Run, books: Books, world: OutsideWorld) -> list[str]:
    """Every promise that these books break; may be asked at any instant, and says more at rest."""
    return [
        *out_of_place(run, books),
        *_ended_wrongly(run, books),
        *_told_wrongly(books),
        *_sent_wrongly(run, books, world),
    ]


def out_of_place(run: Run, books: Books) -> Iterator[str]:
    """Promise 1: every position stands in exactly one place."""
    found = books.due + books.claimed + Counter(books.outcomes.keys())
    for place in run.places():
        if found[place] == 0:
            yield f"{place} has vanished"
        elif found[place] > 1:
            yield f"{place} stands in {found[place]} places"


def _ended_wrongly(run: Run, books: Books) -> Iterator[str]:
    """Promise 5: what is shown as ended is final."""
    if not books.at_rest:
        if books.ended:
            yield "the end was announced of a run that goes on"
        return
    if books.due or books.claimed or len(books.outcomes) != run.total:
        yield f"the run ended with {len(books.outcomes)} of {run.total} final"
    if [event.correction for event in books.ended] != list(range(len(books.ended))):
        yield f"the end was announced {len(books.ended)} times"
    for event in books.ended[-1:]:
        announced = {state: count for state, count in messages.counted(event.counts).items() if count}
        if announced != dict(Counter(int(outcome.state) for outcome in books.outcomes.values())):
            yield f"announced as {announced}, counted {books.counts()}"


def _told_wrongly(books: Books) -> Iterator[str]:
    """Every outcome is told of, once."""
    for place in books.outcomes.keys() | books.published.keys():
        if place not in books.outcomes:
            yield f"{place} was announced and is not final"
        elif books.published[place] != 1:
            yield f"{place} was announced {books.published[place]} times"


def _sent_wrongly(run: Run, books: Books, world: OutsideWorld) -> Iterator[str]:
    """Promise 2, and that rows and ledger agree."""
    keys: dict[str, Counter[bytes]] = {}
    for call in world.delivered:
        keys.setdefault(call.to, Counter())[call.message_id] += 1
    for place, (address, message_id) in run.places().items():
        arrived = keys.get(address, Counter())
        outcome = books.outcomes.get(place)
        if len(arrived) > 1:
            yield f"{place} was messaged under {len(arrived)} keys"
        if outcome is None:
            continue
        if outcome.state is MessageState.SENT and not arrived:
            yield f"{place} is SENT and never arrived"
        if outcome.state not in (MessageState.SENT, MessageState.UNKNOWN) and arrived and books.at_rest:
            yield f"{place} arrived and is {outcome.state.name}"
        if arrived.total() > 1 and parks(run.channel, UnknownPolicy(run.policy or UnknownPolicy.PARK)):
            yield f"{place} arrived {arrived.total()} times, and its provider knows no keys"
        if arrived.total() > 1 and outcome.state is MessageState.SENT and not outcome.repeated:
            yield f"{place} arrived {arrived.total()} times and is not marked"
        if arrived and arrived.keys() != {message_id}:
            yield f"{place} has another key than its own"
