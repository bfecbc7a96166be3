"""Owns the rules of ReachBell's document: what each operation may be done to, what a PATCH merges, what a launch needs.

Pure: nothing here knows that there is a server.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.properties.people import is_known
from tools.client import Json


@dataclass(frozen=True)
class Rules:
    """In which states an operation is answered with yes, and how."""

    editable: frozenset[str] = frozenset({"draft"})
    deletable: frozenset[str] = frozenset({"draft", "scheduled", "cancelled"})
    startable: frozenset[str] = frozenset({"draft", "scheduled"})  # by send, as themselves
    repeatable: frozenset[str] = frozenset({"sent", "cancelled"})  # by send, as a new campaign
    merged: frozenset[str] = frozenset({"content", "utm"})  # by PATCH; the rest is replaced whole
    counted: frozenset[str] = frozenset({"sent", "failed"})  # what `queued` is the sum of, at rest


REACHBELL = Rules()

# Who sends may be done at any moment, and nobody is told.
ENDS_BY_ITSELF = frozenset({"sending", "paused"})

# What other doors do: the step → the states it is allowed in, and what becomes of each.
COMMANDS = {
    "cancel": dict.fromkeys(("draft", "scheduled", "sending", "paused", "cancelled"), "cancelled"),
    "pause": {"sending": "paused", "paused": "paused"},
    "resume": {"paused": "sending", "sending": "sending"},
}


def patched(old: Json, patch: Json, *, rules: Rules) -> Json:
    """A definition after a PATCH: what is absent stays, what is null is removed."""
    new = dict(old)
    for part in ("name", "content", "segment", "schedule", "utm"):
        if part not in patch:
            continue
        value = patch[part]
        if part in rules.merged and value is not None:
            value = without_nulls({**old.get(part, {}), **value})
        new[part] = value
    return without_nulls(new)


def without_nulls(value: Json) -> Json:
    """The same without the keys whose value is null."""
    return {key: item for key, item in value.items() if item is not None}


def mode_of(definition: Json) -> str:
    """`draft` where it does not say."""
    return str(definition.get("schedule", {}).get("mode", "draft"))


def can_launch(definition: Json) -> bool:
    """Whether all that a launch needs is there: a title, and a segment whose keys are known."""
    segment = definition.get("segment")
    if segment is None or not definition.get("content", {}).get("title"):
        return False
    return "filters" not in segment or is_known(segment["filters"])
