"""Owns ReachBell's filters, `{"country": ["US", "CA"], "tags": ["newsletter"]}`, there and back.

Several values mean any of them, several attributes all of them, `{}` everybody. In the segment that overrides a
campaign's, the tag `did-not-open` means the recipients of that campaign who neither opened nor clicked; it narrows
whatever else the filters say.
"""

from __future__ import annotations

from collections.abc import Sequence

from carillon.segments.v1.filter_pb2 import Condition, DidNotOpen, Filter, FilterList
from google.protobuf.struct_pb2 import Struct, Value

from services.runtime.errors import Invalid

LONGEST_ATTRIBUTE = 64
PATH = "segment.filters"
TAGS = "tags"
DID_NOT_OPEN = "did-not-open"


def filter_from(filters: Struct, *, overridden: str = "") -> Filter:
    """The tree; `overridden` is the name of the campaign whose own segment these filters replace, if they do.

    Raises Invalid where a value is no list of strings, or an empty one: nobody, or everybody?
    """
    operands = [
        operand
        for attribute in sorted(filters.fields)
        for operand in _operands(attribute, _values(attribute, filters.fields[attribute]), overridden)
    ]
    return Filter(all_of=FilterList(filters=operands)) if operands else Filter()


def _operands(attribute: str, values: Sequence[str], overridden: str) -> Sequence[Filter]:
    others = [value for value in values if value != DID_NOT_OPEN]
    if len(others) == len(values):
        return [_any_of(attribute, values)]
    if attribute != TAGS or not overridden:
        message = f"{DID_NOT_OPEN} is only for the tags of a segment that a campaign is sent to again."
        raise Invalid("FILTER_INVALID", message, field=f"{PATH}.{attribute}[{values.index(DID_NOT_OPEN)}]")
    did_not_open = Filter(did_not_open=DidNotOpen(campaign=overridden))
    return [did_not_open, _any_of(attribute, others)] if others else [did_not_open]


def _any_of(attribute: str, values: Sequence[str]) -> Filter:
    return Filter(condition=Condition(attribute=attribute, operator=Condition.OPERATOR_ANY_OF, values=values))


def _values(attribute: str, value: Value) -> Sequence[str]:
    if not 0 < len(attribute) <= LONGEST_ATTRIBUTE:
        message = f"An attribute has 1 to {LONGEST_ATTRIBUTE} characters."
        raise Invalid("FILTER_INVALID", message, field=f"{PATH}.{attribute[:LONGEST_ATTRIBUTE]}")
    path = f"{PATH}.{attribute}"
    if value.WhichOneof("kind") != "list_value" or not value.list_value.values:
        raise Invalid("FILTER_INVALID", "This must be a list of at least one string.", field=path)
    for index, item in enumerate(value.list_value.values):
        if item.WhichOneof("kind") != "string_value":
            raise Invalid("FILTER_INVALID", "This must be a string.", field=f"{path}[{index}]")
    return [item.string_value for item in value.list_value.values]


def filters_to(tree: Filter) -> Struct | None:
    """The filters that `tree` came from; None where it came from another API and ReachBell has no words for it."""
    filters = Struct()
    said: set[tuple[str, str]] = set()  # (kind, attribute): a second one would widen the first
    for operand in _operands_of(tree):
        spelled = _spelled(operand)
        kind = operand.WhichOneof("kind") or ""
        if spelled is None or (kind, spelled[0]) in said:
            return None
        attribute, values = spelled
        said.add((kind, attribute))
        filters.get_or_create_list(attribute).extend(values)
    return filters


def _operands_of(tree: Filter) -> Sequence[Filter]:
    kind = tree.WhichOneof("kind")
    if kind is None:
        return []
    return list(tree.all_of.filters) if kind == "all_of" else [tree]


def _spelled(operand: Filter) -> tuple[str, Sequence[str]] | None:
    """(the attribute, its values), None where there are no words for it."""
    kind = operand.WhichOneof("kind")
    if kind == "did_not_open":
        return TAGS, [DID_NOT_OPEN]
    if kind == "condition" and operand.condition.operator == Condition.OPERATOR_ANY_OF:
        return operand.condition.attribute, list(operand.condition.values)
    return None
