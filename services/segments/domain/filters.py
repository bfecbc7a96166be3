"""Owns the filter tree and what makes one acceptable.

Never evaluates it: filter_sql.py turns it into a condition. Every refusal names the operand's path, so that a dialect
can find its own words for it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Set
from dataclasses import dataclass

from services.runtime.errors import Invalid

MAX_DEPTH = 10
MAX_OPERANDS = 100
MAX_VALUES = 1000
MAX_CAMPAIGNS = 10  # each is a list of people to be fetched
MAX_CONDITIONS = 1000  # in all: what one statement can carry as parameters, with room to spare
BUILT_IN = frozenset({"country", "email", "locale", "time_zone", "tags"})


class Operator(enum.Enum):
    """How an attribute is compared."""

    ANY_OF = "any_of"
    EXISTS = "exists"


class Combination(enum.Enum):
    """How operands combine; the value is the field's name in a path."""

    ALL_OF = "all_of"
    ANY_OF = "any_of"
    NONE_OF = "none_of"


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison."""

    attribute: str
    operator: Operator
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DidNotOpen:
    """The recipients of a campaign who did nothing with it."""

    campaign: bytes
    project: bytes | None  # as it was named; None for the contacts' own


@dataclass(frozen=True, slots=True)
class Group:
    """Operands, combined."""

    combination: Combination
    operands: tuple[Filter, ...] = ()


Filter = Condition | DidNotOpen | Group
EVERYBODY = Group(Combination.ALL_OF)


def conditions(tree: Filter, path: str) -> Iterator[tuple[str, Condition]]:
    """Each comparison and its path, such as `audience.filter.all_of.filters[0].condition`."""
    for place, leaf in _leaves(tree, path):
        if isinstance(leaf, Condition):
            yield f"{place}.condition", leaf


def campaigns(tree: Filter, path: str) -> Iterator[tuple[str, DidNotOpen]]:
    """Each campaign that is named, and its path, such as `audience.filter.did_not_open.campaign`."""
    for place, leaf in _leaves(tree, path):
        if isinstance(leaf, DidNotOpen):
            yield f"{place}.did_not_open.campaign", leaf


def _leaves(tree: Filter, path: str) -> Iterator[tuple[str, Condition | DidNotOpen]]:
    if not isinstance(tree, Group):
        yield path, tree
        return
    for index, operand in enumerate(tree.operands):
        yield from _leaves(operand, f"{path}.{tree.combination.value}.filters[{index}]")


def check(tree: Filter, path: str) -> None:
    """Invalid unless the tree is within its limits and every comparison makes sense."""
    _check_shape(tree, path, depth=1)
    count = 0
    for place, condition in conditions(tree, path):
        count += 1
        _check_condition(condition, place)
    if count > MAX_CONDITIONS:
        raise Invalid("FILTER_TOO_LARGE", f"A filter has at most {MAX_CONDITIONS} conditions.", field=path)
    if sum(1 for _ in campaigns(tree, path)) > MAX_CAMPAIGNS:
        raise Invalid("FILTER_TOO_LARGE", f"A filter names at most {MAX_CAMPAIGNS} campaigns.", field=path)


def _check_shape(tree: Filter, path: str, *, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Invalid("FILTER_TOO_DEEP", f"A filter is at most {MAX_DEPTH} deep.", field=path)
    if not isinstance(tree, Group):
        return
    place = f"{path}.{tree.combination.value}.filters"
    if len(tree.operands) > MAX_OPERANDS:
        raise Invalid("FILTER_TOO_WIDE", f"At most {MAX_OPERANDS} filters stand side by side.", field=place)
    for index, operand in enumerate(tree.operands):
        _check_shape(operand, f"{place}[{index}]", depth=depth + 1)


def _check_condition(condition: Condition, path: str) -> None:
    if not condition.attribute:
        raise Invalid("ATTRIBUTE_REQUIRED", "Name the attribute to compare.", field=f"{path}.attribute")
    if "\0" in condition.attribute:
        raise Invalid("NUL_REFUSED", "Text cannot contain a NUL character.", field=f"{path}.attribute")
    count = len(condition.values)
    if condition.operator is Operator.EXISTS and count:
        raise Invalid("VALUES_NOT_ALLOWED", "EXISTS compares with nothing.", field=f"{path}.values")
    if condition.operator is Operator.ANY_OF and not 1 <= count <= MAX_VALUES:
        raise Invalid("VALUES_OUT_OF_RANGE", f"ANY_OF takes 1 to {MAX_VALUES} values.", field=f"{path}.values")
    for index, value in enumerate(condition.values):
        if "\0" in value:
            raise Invalid("NUL_REFUSED", "Text cannot contain a NUL character.", field=f"{path}.values[{index}]")


def custom_attributes(tree: Filter) -> frozenset[str]:
    """The attributes in it that only contacts themselves can have made known."""
    return frozenset(condition.attribute for _, condition in conditions(tree, "")) - BUILT_IN


def require_known(tree: Filter, known: Set[str], path: str) -> None:
    """Invalid where a comparison is with an attribute that no contact of the project ever carried: a mistyped key
    under `none_of` would let everybody through."""
    for place, condition in conditions(tree, path):
        if condition.attribute not in BUILT_IN and condition.attribute not in known:
            raise Invalid(
                "UNKNOWN_ATTRIBUTE",
                f"No contact of the project ever carried the attribute {condition.attribute!r}.",
                field=f"{place}.attribute",
                metadata={"attribute": condition.attribute},
            )
