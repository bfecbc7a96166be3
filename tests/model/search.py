"""Owns the search: every state that a model can reach, breadth first, so that what is found is a shortest story.

Knows no model. A step is a label and the state after it; an assertion about a state is a sentence if it fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State", bound=Hashable)
Steps = Callable[[State], Iterable[tuple[str, State]]]


@dataclass(frozen=True, slots=True)
class Found(Generic[State]):
    """What was reached; `violation` is empty where every state keeps every promise, else `story` leads to it."""

    states: int
    violation: str
    story: list[str]


def explore(
    start: State,
    *,
    steps: Steps[State],
    violations: Callable[[State], Iterator[str]],
    is_end: Callable[[State], bool],
) -> Found[State]:
    """Reach everything. The first violated promise ends the search; so does a state from which no end is in reach."""
    came: dict[State, tuple[State, str] | None] = {start: None}
    before: dict[State, list[State]] = {start: []}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        for violation in violations(state):
            return Found(len(came), violation, _story(came, state))
        for label, after in steps(state):
            if after not in came:
                came[after] = (state, label)
                before[after] = []
                waiting.append(after)
            before[after].append(state)
    stuck = _without_end(before, is_end)
    if stuck is not None:
        return Found(len(came), "no end is in reach", _story(came, stuck))
    return Found(len(came), "", [])


def _without_end(before: dict[State, list[State]], is_end: Callable[[State], bool]) -> State | None:
    """The first state from which no end can be reached, whatever happens."""
    waiting = deque(state for state in before if is_end(state))
    ending = set(waiting)
    while waiting:
        for earlier in before[waiting.popleft()]:
            if earlier not in ending:
                ending.add(earlier)
                waiting.append(earlier)
    return next((state for state in before if state not in ending), None)


def _story(came: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    labels = []
    while (step := came[state]) is not None:
        state, label = step
        labels.append(label)
    return labels[::-1]
