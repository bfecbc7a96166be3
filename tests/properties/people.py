"""Owns the few people of a project, and how many of them a segment is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.client import Json

# What `tools.workspace.person` makes of 0, 1, 2 and 3.
PEOPLE: Sequence[Mapping[str, Sequence[str]]] = (
    {"country": ["US"], "tags": ["newsletter", "vip"], "plan": ["pro"]},
    {"country": ["CA"], "tags": ["newsletter"], "plan": ["free"]},
    {"country": ["DE"], "tags": ["newsletter"], "plan": ["free"]},
    {"country": ["FR"], "tags": ["newsletter"], "plan": ["pro"]},
)
SAVED: Json = {"tags": ["vip"]}  # the filters of the project's saved segment
KEYS = frozenset({"country", "tags", "plan"})


def is_known(filters: Json) -> bool:
    """Whether somebody of the project ever carried each of the keys."""
    return filters.keys() <= KEYS


def count(segment: Json) -> int:
    """How many people a segment is: several values mean any of them, several keys all of them."""
    filters: Json = segment.get("filters", SAVED)
    return sum(all(set(values) & set(person[key]) for key, values in filters.items()) for person in PEOPLE)
