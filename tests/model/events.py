"""Owns the model of how outcomes reach the counters: outbox, relay, Kafka, consumer, inbox, counters, and the pull.

Each step names the statement of the code that it stands for. Two events: a message ended as UNKNOWN, and then a late
truth made it SENT. Kafka may lose its whole log; every process may die between any two steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

UNKNOWN, SENT = 1, 2  # of rank 1 and 2: services/message_states.py
EVENTS = (UNKNOWN, SENT)


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol as it is; a sabotage changes one of these."""

    effect_before_commit: bool = True  # consumer: the offset is committed after the transaction
    inbox: bool = True  # inbox.first_sight, in the transaction of the effect
    counts_rows: bool = True  # analytics' repository: counters change by what its own statement changed in the rows
    deleted_after_acknowledgement: bool = True  # relay.TAKE: the rows' DELETE commits after the acknowledgements
    pulled: bool = True  # analytics' pulls: ended runs whose rows are not delivery's totals


class World(NamedTuple):
    """Everything."""

    outbox: frozenset[int] = frozenset()  # delivery's, with its rows
    state: int = 0  # of delivery's row
    log: tuple[int, ...] = ()  # Kafka's records that are not consumed
    taken: int | None = None  # by the relay: sent, its DELETE not committed yet
    fetched: int | None = None  # by the consumer: its offset is committed, its effect is to come (only if sabotaged)
    inbox: frozenset[int] = frozenset()
    row: int = 0  # analytics' row of the message
    counted: tuple[int, int] = (0, 0)  # analytics' counters: UNKNOWN, SENT
    deaths: int = 2  # of relay and consumer, to come
    wipes: int = 1  # of Kafka's log, to come


Step = tuple[str, World]


def steps(world: World, rules: Rules) -> Iterator[Step]:
    """Everything that can happen next."""
    if world.state < SENT:  # recording._settle, late truth: the row and its event in one transaction
        state = EVENTS[world.state]
        yield "an outcome is stored", world._replace(state=state, outbox=world.outbox | {state})
    yield from _relay(world, rules)
    yield from _consumer(world, rules)
    if rules.pulled and world.state == SENT and world.row != SENT:  # the run has ended, and nothing has come for long
        yield "outcomes are pulled", _take_effect(world, world.state, rules)
    if world.wipes and world.log:
        yield "the log is wiped", world._replace(log=(), wipes=world.wipes - 1)


def _relay(world: World, rules: Rules) -> Iterator[Step]:
    """relay._send_some: DELETE … RETURNING, send, wait for the acknowledgement, commit."""
    if world.taken is None:
        for event in sorted(world.outbox):
            if rules.deleted_after_acknowledgement:
                yield "an event is sent", world._replace(taken=event, log=(*world.log, event))
            else:
                yield "an event is deleted", world._replace(taken=event, outbox=world.outbox - {event})
        return
    if rules.deleted_after_acknowledgement:
        yield "the delete commits", world._replace(taken=None, outbox=world.outbox - {world.taken})
    else:
        yield "an event is sent", world._replace(taken=None, log=(*world.log, world.taken))
    if world.deaths:
        yield "the relay dies", world._replace(taken=None, deaths=world.deaths - 1)


def _consumer(world: World, rules: Rules) -> Iterator[Step]:
    """consumer._digest, then _commit. One record at a time."""
    if world.fetched is not None:
        yield "the effect commits", _digest(world, world.fetched, rules)._replace(fetched=None)
        if world.deaths:
            yield "the consumer dies", world._replace(fetched=None, deaths=world.deaths - 1)
        return
    for event in sorted(set(world.log)):  # nobody counts on order
        rest = list(world.log)
        rest.remove(event)
        if not rules.effect_before_commit:
            yield "an offset is committed", world._replace(log=tuple(rest), fetched=event)
            continue
        done = _digest(world, event, rules)
        yield "the effect and the offset commit", done._replace(log=tuple(rest))
        if world.deaths:
            yield "the consumer dies before the offset commits", done._replace(deaths=world.deaths - 1)


def _digest(world: World, event: int, rules: Rules) -> World:
    if event in world.inbox and rules.inbox:
        return world
    return _take_effect(world._replace(inbox=world.inbox | {event}), event, rules)


def _take_effect(world: World, state: int, rules: Rules) -> World:
    """Upsert by rank; the counters change by what changed."""
    unknown, sent = world.counted
    if rules.counts_rows and state > world.row:
        unknown += (state == UNKNOWN) - (world.row == UNKNOWN)
        sent += state == SENT
    elif not rules.counts_rows:
        unknown, sent = min(unknown + (state == UNKNOWN), 2), min(sent + (state == SENT), 2)
    return world._replace(row=max(world.row, state), counted=(unknown, sent))


def violations(world: World) -> Iterator[str]:
    """Promise 5: counters never exceed the rows, and equal them at rest."""
    of_rows = (int(world.row == UNKNOWN), int(world.row == SENT))
    if world.counted != of_rows:
        yield "the counters are not the rows"


def is_end(world: World) -> bool:
    """Everything has arrived, and the row is delivery's."""
    return world.row == SENT and not world.outbox and not world.log and world.taken is None and world.fetched is None
