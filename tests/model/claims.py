"""Owns the model of delivery's claim protocol: two processes, an operator, a provider, and everything that can fail.

Each step names the statement of the code that it stands for, and is as atomic as that is: one transaction, one write,
one read. Never models time but as order: a second has passed, a lease has run out.

Sets of positions are bit masks. Two processes are alike, so a world and its mirror image are one state.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

ALL = 0b11  # the positions of the one chunk

ACTIVE, PAUSED, STOPPED = "active", "paused", "stopped"
SENDING, ENDED = "sending", "ended"


class Provider(enum.Enum):
    """What the other side does with a message that it has seen before."""

    KEYED = "knows the idempotency key and does nothing (HTTP batches)"
    PUSH = "replaces it, and it has to be marked as repeated"
    PARK = "delivers it twice (SMTP); what is in doubt is parked"
    RETRY = "delivers it twice (SMTP); the campaign wants doubt tried again"


class Journal(enum.Enum):
    """When an attempt is written down where the provider does not know keys for sure (senders/sender.py: Journal)."""

    BEFORE = "before the body's bytes leave"
    AFTER = "after they left"
    IGNORED = "whatever it says, what a dead process had claimed is due again"


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol as it is; a sabotage changes one of these."""

    provider: Provider
    same_machine: bool = (
        True  # locks tell who is dead, journals can be read; else leases decide, and no journal is left
    )
    fence: bool = True  # claim_repository.settle: DELETE FROM claim … RETURNING, 0 rows = not mine any more
    key_is_derived: bool = True  # domain/message_identity.py
    claim_is_stored: bool = True  # claim_repository.CLAIM: due → claim in one transaction, before any call
    journal: Journal = Journal.BEFORE
    command_is_stored: bool = True  # run_repository.set_control, read by CLAIM and sendable_version
    permit_runs_out: bool = True  # authorisation.GOOD_FOR
    chunk_is_stored_once: bool = True  # run_repository.add_chunk: ON CONFLICT DO NOTHING
    end_is_counted: bool = True  # run_repository.complete: nothing due, nothing claimed, chunks add up to the total
    pending_is_known: bool = True  # worker.claiming_since: a claim whose answer may be under way is not forgotten yet
    doubt_is_kept: bool = True  # verdicts.unsent: what may have arrived ends as UNKNOWN, not as CANCELLED


class Claim(NamedTuple):
    """A row of the claim table, and the journal file of that claim."""

    positions: int
    doubtful: int
    tried: int = 0
    answered: int = 0


class Hand(NamedTuple):
    """What a process carries out, by its own memory. One connection: at most one call is on the wire."""

    waiting: int
    doubtful: int
    flying: int = 0
    arrived: bool = False
    unwritten: int = 0  # left the process and is not in the journal (only where the journal comes after)
    accepted: int = 0
    unanswered: int = 0
    closed: bool = False  # its record was tried: nothing more is started, the record is tried again


class Process(NamedTuple):
    """One of delivery's: its rows in the claim table, its memory."""

    held: Claim | None = None  # the row of what is in hand
    pending: Claim | None = None  # committed, and the answer is under way
    forgotten: Claim | None = None  # committed, and the answer was lost
    hand: Hand | None = None
    permit: bool = False


class World(NamedTuple):
    """Everything."""

    left: tuple[int, ...]  # faults to come: crashes, lost answers, leases, commands, redeliveries
    processes: tuple[Process, Process] = (Process(), Process())
    dead: tuple[Claim, ...] = ()  # claims whose owner is no more
    chunk: bool = False
    total: bool = False
    run: str = SENDING
    control: str = ACTIVE  # the control row
    wanted: str = ACTIVE  # what the operator was answered
    a_second_passed: bool = False  # since that answer
    due: int = 0
    doubtful: int = 0  # of what is due
    sent: int = 0
    unknown: int = 0
    cancelled: int = 0
    repeated: int = 0  # of what is sent: marked
    late: int = 0  # accepted, said whoever had lost the claim
    on_the_wire: int = 0  # bytes left, ever
    arrived: int = 0
    answered: int = 0  # to whoever called
    twice: int = 0  # messaged a second time
    broken: str = ""


CRASH, LOSS, LEASE, COMMAND, REDELIVERY = range(5)


def begin(*, told: bool, crashes: int = 0, losses: int = 0, leases: int = 0, commands: int = 0) -> World:
    """The first world, with so many faults to come; where not told, batch and total are still under way, and twice."""
    left = (crashes, losses, leases, commands, 0 if told else 1)
    return World(left=left, chunk=told, total=told, due=ALL if told else 0)


Step = tuple[str, World]


def steps(world: World, rules: Rules) -> Iterator[Step]:
    """Everything that can happen next."""
    for label, after in _steps(world, rules):
        first, second = after.processes
        if _order(second) < _order(first):  # the mirror image
            after = after._replace(processes=(second, first))
        yield label, after


def _order(process: Process) -> tuple[object, ...]:
    return (
        process.held or (),
        process.pending or (),
        process.forgotten or (),
        process.hand or (),
        process.permit,
    )


def _steps(world: World, rules: Rules) -> Iterator[Step]:
    yield from _facts(world, rules)
    yield from _commands(world, rules)
    for index in (0, 1):
        yield from _process(world, index, rules)
        yield from _misfortune(world, index, rules)
    yield from _janitor(world, rules)


def _use(world: World, what: int) -> World:
    return world._replace(left=tuple(count - (index == what) for index, count in enumerate(world.left)))


def _with(world: World, index: int, process: Process, **changes: Any) -> World:
    first, second = world.processes
    pair = (process, second) if index == 0 else (first, process)
    return world._replace(processes=pair, **changes)


# What other services say: subscriptions.on_batch, on_totals. Any order, more than once.


def _facts(world: World, rules: Rules) -> Iterator[Step]:
    if not world.chunk:
        yield "the batch arrives", world._replace(chunk=True, due=ALL)
    elif world.left[REDELIVERY]:
        again = world._replace(due=ALL) if not rules.chunk_is_stored_once else world
        yield "the batch arrives again", _use(again, REDELIVERY)
    if not world.total:
        yield "the total arrives", world._replace(total=True)


# What an operator says: campaigns' commands.carry_out → grpc_api.ControlApi.SetControl; answered after the commit.


def _commands(world: World, rules: Rules) -> Iterator[Step]:
    if world.wanted == ACTIVE and world.left[COMMAND]:
        yield "pause is answered", _use(_command(world, PAUSED, rules), COMMAND)
    if world.wanted == PAUSED:
        yield "resume is answered", _command(world, ACTIVE, rules)
    if world.wanted != STOPPED and world.left[COMMAND]:
        yield "cancel is answered", _use(_command(world, STOPPED, rules), COMMAND)
    if world.wanted != ACTIVE and not world.a_second_passed:
        yield "a second passes", _a_second(world, rules)._replace(a_second_passed=True)


def _command(world: World, wanted: str, rules: Rules) -> World:
    world = world._replace(wanted=wanted, a_second_passed=False)
    if rules.command_is_stored:
        return world._replace(control=wanted)
    return _with(world, 0, world.processes[0]._replace(permit=wanted == ACTIVE))  # only who was told knows


def _a_second(world: World, rules: Rules) -> World:
    """authorisation.GOOD_FOR: no permission outlives half a second without a read that says yes."""
    if not rules.permit_runs_out or world.control == ACTIVE:
        return world
    first, second = world.processes
    return world._replace(processes=(first._replace(permit=False), second._replace(permit=False)))


# What a process does: worker._claim, _carry_out; authorisation._read; recording._settle.


def _process(world: World, index: int, rules: Rules) -> Iterator[Step]:
    process = world.processes[index]
    yield from _claim(world, index, process, rules)
    if process.hand is not None:
        yield from _carry_out(world, index, process, process.hand, rules)
    if process.forgotten is not None:
        yield (
            "a forgotten claim is released",
            _release(world, index, process._replace(forgotten=None), process.forgotten),
        )
    if process.pending is not None and not rules.pending_is_known:
        yield "a claim is released before its answer", _release_early(world, index, process, process.pending)


def _claim(world: World, index: int, process: Process, rules: Rules) -> Iterator[Step]:
    """claim_repository.CLAIM with TO_SEND."""
    if process.pending is not None:
        claim = process.pending
        hand = Hand(waiting=claim.positions, doubtful=claim.doubtful)
        yield "a claim is known", _with(world, index, process._replace(pending=None, held=claim, hand=hand))
        if world.left[LOSS] and process.forgotten is None:
            yield (
                "the answer to a claim's COMMIT is lost",
                _use(_with(world, index, process._replace(pending=None, forgotten=claim)), LOSS),
            )
        return
    if process.hand is not None or process.held is not None or world.run != SENDING or world.control != ACTIVE:
        return
    for taken in _parts(world.due):
        claim = Claim(taken, world.doubtful & taken)
        rest = {"due": world.due & ~taken, "doubtful": world.doubtful & ~taken}
        if rules.claim_is_stored:
            yield "positions are claimed", _with(world, index, process._replace(pending=claim, permit=True), **rest)
        else:
            hand = Hand(waiting=taken, doubtful=claim.doubtful)
            yield "positions are fetched", _with(world, index, process._replace(hand=hand, permit=True), **rest)


def _parts(mask: int) -> Iterator[int]:
    part = mask
    while part:
        yield part
        part = (part - 1) & mask


def _carry_out(world: World, index: int, process: Process, hand: Hand, rules: Rules) -> Iterator[Step]:
    if hand.closed:
        yield from _record(world, index, process, hand, rules)
        return
    if not process.permit and world.control == ACTIVE and world.run == SENDING:  # run_repository.sendable_version
        yield "the permission is renewed", _with(world, index, process._replace(permit=True))
    if hand.flying:
        yield from _answer(world, index, process, hand)
        return
    if hand.unwritten:
        yield "the attempt is written down", _with(world, index, _noted(process, hand))
        return
    if hand.waiting and process.permit:
        yield from _start_call(world, index, process, hand, rules)
    if not hand.waiting or not process.permit:
        yield from _record(world, index, process, hand, rules)


def _start_call(world: World, index: int, process: Process, hand: Hand, rules: Rules) -> Iterator[Step]:
    """sender.send: may_start, Journal.attempting, the bytes. The request arrives, or is lost."""
    position = hand.waiting & -hand.waiting
    late = rules.journal is Journal.AFTER
    hand = hand._replace(waiting=hand.waiting & ~position, flying=position, unwritten=position if late else 0)
    process = process._replace(hand=hand)
    if process.held is not None and not late:
        process = process._replace(held=process.held._replace(tried=process.held.tried | position))
    world = world._replace(on_the_wire=world.on_the_wire | position)
    if world.wanted != ACTIVE and world.a_second_passed:
        world = world._replace(broken="a call started after a pause or a cancel was answered")
    if world.answered & position and rules.same_machine and rules.provider is not Provider.KEYED:
        world = world._replace(broken="what had been answered was called again")
    arrived = _arrival(world, position, rules)
    yield "a request arrives", _with(arrived, index, process._replace(hand=hand._replace(arrived=True)))
    if world.left[LOSS]:
        yield "a request is lost", _use(_with(world, index, process), LOSS)


def _arrival(world: World, position: int, rules: Rules) -> World:
    if not world.arrived & position:
        return world._replace(arrived=world.arrived | position)
    if rules.provider is Provider.KEYED and rules.key_is_derived:
        return world
    return world._replace(twice=world.twice | position)


def _noted(process: Process, hand: Hand) -> Process:
    held = process.held
    if held is not None:
        held = held._replace(tried=held.tried | hand.unwritten)
    return process._replace(held=held, hand=hand._replace(unwritten=0))


def _answer(world: World, index: int, process: Process, hand: Hand) -> Iterator[Step]:
    """The connection reports; Journal.answered."""
    landed = hand._replace(flying=0, arrived=False)
    silent = process._replace(hand=landed._replace(unanswered=hand.unanswered | hand.flying))
    if not hand.arrived:
        yield "no answer comes", _with(world, index, silent)
        return
    held = process.held and process.held._replace(answered=process.held.answered | hand.flying)
    accepted = landed._replace(accepted=hand.accepted | hand.flying)
    told = world._replace(answered=world.answered | hand.flying)
    yield "a call is answered", _with(told, index, process._replace(held=held, hand=accepted))
    if world.left[LOSS]:
        yield "an answer is lost", _use(_with(world, index, silent), LOSS)


def _record(world: World, index: int, process: Process, hand: Hand, rules: Rules) -> Iterator[Step]:
    """recording._settle: one transaction; 0 rows deleted = fenced, and what was accepted is kept as late truth."""
    done = process._replace(held=None, hand=None)
    if process.held is None and rules.claim_is_stored and rules.fence:
        yield "a fenced process tells what it knows", _with(world, index, done, late=world.late | hand.accepted)
        return
    parked = hand.unanswered if rules.provider is Provider.PARK else 0
    doubtful = (hand.doubtful & ~hand.accepted) | hand.unanswered
    back = (hand.waiting | hand.unanswered) & ~parked
    stored = _store(world, sent=hand.accepted, unknown=parked, repeated=hand.accepted & hand.doubtful)
    stored = stored._replace(due=stored.due | back, doubtful=stored.doubtful | (back & doubtful))
    yield "a claim is recorded", _with(stored, index, done)
    if world.left[LOSS]:
        unsure = process._replace(held=None, hand=hand._replace(closed=True))
        yield "the answer to a record's COMMIT is lost", _use(_with(stored, index, unsure), LOSS)


def _store(world: World, *, sent: int = 0, unknown: int = 0, cancelled: int = 0, repeated: int = 0) -> World:
    """The outcome rows; their key is (run, batch, position)."""
    if (sent | unknown | cancelled) & (world.sent | world.unknown | world.cancelled):
        return world._replace(broken="a message has two outcomes")
    return world._replace(
        sent=world.sent | sent,
        unknown=world.unknown | unknown,
        cancelled=world.cancelled | cancelled,
        repeated=world.repeated | repeated,
    )


def _release(world: World, index: int, process: Process, claim: Claim) -> World:
    """janitor._release_the_forgotten: nobody will begin it."""
    return _with(
        world,
        index,
        process,
        due=world.due | claim.positions,
        doubtful=world.doubtful | claim.doubtful,
    )


def _release_early(world: World, index: int, process: Process, claim: Claim) -> World:
    """The same, while the answer is still under way: then the claim is begun all the same."""
    hand = Hand(waiting=claim.positions, doubtful=claim.doubtful)
    return _release(world, index, process._replace(pending=None, hand=hand), claim)


# What goes wrong with a process.


def _misfortune(world: World, index: int, rules: Rules) -> Iterator[Step]:
    process = world.processes[index]
    if process == Process():
        return
    rows = tuple(row for row in (process.held, process.pending, process.forgotten) if row is not None)
    dead = tuple(sorted(world.dead + rows))
    if world.left[CRASH]:
        yield "a process is killed", _use(_with(world, index, Process(), dead=dead), CRASH)
    if world.left[LEASE] and not rules.same_machine and rows:
        # It may only be slow: what it has in hand it has in hand. Its permission is as old as its lease.
        slow = process._replace(held=None, pending=None, forgotten=None, permit=False)
        if process.pending is not None:
            slow = slow._replace(hand=Hand(waiting=process.pending.positions, doubtful=process.pending.doubtful))
        yield "a lease runs out", _use(_with(world, index, slow, dead=dead), LEASE)


# What belongs to nobody: janitor._take_over_claim, _sweep; completion.attempt; late_truth.correct.


def _janitor(world: World, rules: Rules) -> Iterator[Step]:
    for number, claim in enumerate(world.dead):
        rest = world.dead[:number] + world.dead[number + 1 :]
        yield "a dead process' claim is taken over", _take_over(world._replace(dead=rest), claim, rules)
    if world.control == STOPPED and world.run == SENDING and world.due:
        yield "what is due is swept", _sweep(world, rules)
    if world.run == SENDING and _may_end(world, rules):
        yield "the run ends", world._replace(run=ENDED)
    if corrected := world.late & (world.unknown | world.cancelled):
        yield "a late truth corrects", _correct(world, corrected)


def _take_over(world: World, claim: Claim, rules: Rules) -> World:
    """recording.Record.take_over: by what the journal says, where there has to be one."""
    sent = unknown = 0
    doubt = claim.positions if rules.provider is Provider.KEYED else 0
    if rules.provider is not Provider.KEYED:
        if rules.same_machine and rules.journal is not Journal.IGNORED:
            sent, doubt = claim.answered, claim.tried & ~claim.answered
        elif rules.journal is not Journal.IGNORED:
            doubt = claim.positions
        if rules.provider is Provider.PARK:
            unknown, doubt = doubt, 0
    world = _store(world, sent=sent, unknown=unknown, repeated=sent & claim.doubtful)
    back = claim.positions & ~sent & ~unknown
    return world._replace(due=world.due | back, doubtful=world.doubtful | (back & (claim.doubtful | doubt)))


def _sweep(world: World, rules: Rules) -> World:
    doubtful = world.due & world.doubtful if rules.doubt_is_kept else 0
    swept = _store(world, unknown=doubtful, cancelled=world.due & ~doubtful)
    return swept._replace(due=0, doubtful=0)


def _correct(world: World, corrected: int) -> World:
    """What ended in doubt after doubt was tried again: `outcome.repeated` says so before it is known to be SENT."""
    return world._replace(
        sent=world.sent | corrected,
        unknown=world.unknown & ~corrected,
        cancelled=world.cancelled & ~corrected,
        repeated=world.repeated | (corrected & world.unknown),
    )


def _may_end(world: World, rules: Rules) -> bool:
    if not rules.end_is_counted:
        return world.due == 0
    return world.total and world.chunk and not world.due and not _claimed(world)


def _claimed(world: World) -> list[Claim]:
    rows = [row for one in world.processes for row in (one.held, one.pending, one.forgotten) if row is not None]
    return [*rows, *world.dead]


# The promises.


def violations(world: World, rules: Rules) -> Iterator[str]:
    """Every promise that this world breaks."""
    if world.broken:
        yield world.broken
    yield from _out_of_place(world)
    if world.twice and rules.provider in (Provider.KEYED, Provider.PARK):
        yield "somebody was messaged twice"
    if world.unknown & ~world.on_the_wire and rules.same_machine and rules.provider is Provider.PARK:
        yield "UNKNOWN is what never left"
    if is_end(world):
        yield from _at_rest(world, rules)


def _out_of_place(world: World) -> Iterator[str]:
    """Promise 1: a position is due, or claimed, or final."""
    places = [world.due, world.sent, world.unknown, world.cancelled, *(row.positions for row in _claimed(world))]
    seen = 0
    for place in places:
        if seen & place:
            yield "a position stands in two places"
        seen |= place
    if world.chunk and seen != ALL:
        yield "a position has vanished"


def _at_rest(world: World, rules: Rules) -> Iterator[str]:
    if (world.sent | world.unknown | world.cancelled) != ALL:
        yield "the run ended, and somebody is not final"
    if world.sent & ~world.arrived:
        yield "SENT is what never arrived"
    if world.arrived & world.cancelled:
        yield "CANCELLED is what arrived"
    if rules.provider is Provider.PUSH and world.twice & world.sent & ~world.repeated:
        yield "a message was repeated and is not marked"


def is_end(world: World) -> bool:
    """The run has ended, nobody has anything in hand, no late truth waits."""
    idle = all(process.hand is None for process in world.processes)
    return world.run == ENDED and idle and not world.late & (world.unknown | world.cancelled)
