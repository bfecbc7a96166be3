"""The claim protocol keeps its promises in every order of events, and the model notices where one rule is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.model.claims import Journal, Provider, Rules, World, begin, is_end, steps, violations
from tests.model.search import Found, explore

KEYED, PUSH, PARK, RETRY = (Rules(provider) for provider in Provider)
DEATH = begin(told=True, crashes=1, losses=1)
TWO_DEATHS = begin(told=True, crashes=2)
DEATH_AND_COMMAND = begin(told=True, crashes=1, commands=1)
COMMANDS = begin(told=True, losses=1, commands=2)
REPEATED_FACTS = begin(told=False, crashes=1)
LOST_ANSWERS = begin(told=True, losses=2)
LEASE = begin(told=True, leases=1, losses=1)
LEASE_AND_COMMAND = begin(told=True, leases=1, losses=1, commands=1)


def look(rules: Rules, start: World) -> Found[World]:
    """Everything that can happen under these rules."""
    return explore(start, steps=partial(steps, rules=rules), violations=partial(violations, rules=rules), is_end=is_end)


def _every_case() -> Iterator[Any]:
    by_locks = {
        "a death and a lost answer": DEATH,
        "two deaths": TWO_DEATHS,
        "a death and a command": DEATH_AND_COMMAND,
        "two commands": COMMANDS,
        "facts that come late and again": REPEATED_FACTS,
        "two lost answers": LOST_ANSWERS,
    }
    for rules in (KEYED, PUSH, PARK, RETRY):
        for name, start in by_locks.items():
            yield pytest.param(rules, start, id=f"{rules.provider.name}, {name}")
        elsewhere = replace(rules, same_machine=False)
        yield pytest.param(elsewhere, LEASE, id=f"{rules.provider.name}, a lease that runs out")
    for rules in (PUSH, PARK):
        elsewhere = replace(rules, same_machine=False)
        yield pytest.param(elsewhere, LEASE_AND_COMMAND, id=f"{rules.provider.name}, a lease and a command")


@pytest.mark.parametrize(("rules", "start"), list(_every_case()))
def test_every_promise_is_kept_in_every_order_of_events(rules: Rules, start: World) -> None:
    found = look(rules, start)

    assert (found.violation, found.story) == ("", [])
    assert found.states > 300


@pytest.mark.parametrize(
    ("sabotaged", "start", "violation"),
    [
        (replace(PUSH, fence=False), LOST_ANSWERS, "a message has two outcomes"),
        (replace(KEYED, key_is_derived=False), DEATH, "somebody was messaged twice"),
        (replace(PUSH, claim_is_stored=False), DEATH, "a position has vanished"),
        (replace(PARK, journal=Journal.IGNORED), DEATH, "somebody was messaged twice"),
        (replace(PARK, journal=Journal.AFTER), DEATH, "somebody was messaged twice"),
        (replace(PUSH, journal=Journal.IGNORED), DEATH, "what had been answered was called again"),
        (replace(PUSH, command_is_stored=False), COMMANDS, "a call started after a pause or a cancel was answered"),
        (replace(PUSH, permit_runs_out=False), COMMANDS, "a call started after a pause or a cancel was answered"),
        (replace(PUSH, chunk_is_stored_once=False), REPEATED_FACTS, "a position stands in two places"),
        (replace(PUSH, end_is_counted=False), DEATH, "the run ended, and somebody is not final"),
        (replace(PUSH, doubt_is_kept=False), COMMANDS, "CANCELLED is what arrived"),
        (replace(PARK, pending_is_known=False), DEATH, "somebody was messaged twice"),
    ],
    ids=[
        "no fence",
        "a random key",
        "the cursor moves when positions are fetched",
        "the journal is ignored",
        "the journal is written after the bytes",
        "the journal of pushes is ignored",
        "a pause only in memory",
        "a permission for ever",
        "no inbox",
        "completion by an empty fetch",
        "doubt forgotten by a cancel",
        "a claim forgotten while its answer is under way",
    ],
)
def test_the_model_notices(sabotaged: Rules, start: World, violation: str) -> None:
    found = look(sabotaged, start)

    assert found.violation == violation, found.story
