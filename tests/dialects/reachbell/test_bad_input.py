"""What bad input gets: one shape, the right status, nothing stored."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator

import pytest

from tests.dialects.reachbell.bad_inputs import BAD_INPUTS, Bad
from tests.dialects.reachbell.digest import digest_at_rest
from tests.dialects.reachbell.raw_http import RawAnswer, ask
from tests.dialects.reachbell.world import World, make_world
from tests.stacks import Running, own_stack, running


@pytest.fixture(scope="module")
def stack() -> Iterator[Running]:
    """A stack of this file's own: elsewhere another test's campaign may be due again at any moment, and store that."""
    with own_stack() as own:
        yield running(own)


def in_the_world(bad: Bad, world: World) -> Bad:
    """The input with the world's things in their places."""

    def put(text: str) -> str:
        for name, value in world.items():
            text = text.replace("{" + name + "}", value)
        return text

    return dataclasses.replace(
        bad,
        target=put(bad.target),
        body=put(bad.body.decode("latin-1")).encode("latin-1"),
        headers={name: put(value) for name, value in bad.headers.items()},
    )


def problem_of(bad: Bad, answer: RawAnswer) -> str:
    """What is wrong with the answer, in a line; empty where nothing is."""
    told = answer.json.get("error", {}) if answer.headers.get("content-type") == "application/json" else {}
    if set(told) != {"code", "message", "field", "requestId"} or not told["message"] or not told["requestId"]:
        return f"{answer.status} {answer.body[:300]!r} is not the one shape"
    found = (answer.status, told["code"], told["field"])
    if found != (bad.status, bad.code, bad.field):
        return f"{found} instead of {(bad.status, bad.code, bad.field)}: {told['message']}"
    missing = {name: value for name, value in bad.told.items() if answer.headers.get(name) != value}
    return f"without {missing}" if missing else ""


async def test_every_bad_input_is_told_what_is_wrong_and_nothing_is_stored(stack: Running) -> None:
    url, postgres = stack.described["dialects"]["reachbell"], stack.described["postgres"]
    world = await make_world(stack)
    before = await digest_at_rest(postgres)
    problems = []

    for bad in (in_the_world(bad, world) for bad in BAD_INPUTS):
        answer = await asyncio.to_thread(ask, url, bad.method, bad.target, headers=bad.headers, body=bad.body)
        if problem := problem_of(bad, answer):
            problems.append(f"{bad}\n    {problem}")

    assert not problems, "\n".join(problems)
    after = await digest_at_rest(postgres)
    assert [table for table in before if before[table] != after[table]] == []


def test_there_are_many_of_every_operation() -> None:
    assert len(BAD_INPUTS) >= 100
    assert len(set(map(repr, BAD_INPUTS))) == len(BAD_INPUTS)
