"""Owns ReachBell's filters, `{"country": ["US", "CA"], "tags": ["newsletter"]}`, there and back.

Several values mean any of them, several attributes all of them, `{}` everybody.
"""

from __future__ import annotations

from collections.abc import Sequence

from carillon.segments.v1.filter_pb2 import Condition, Filter, FilterList
from google.protobuf.struct_pb2 import Struct, Value

from services.runtime.errors import Invalid

LONGEST_ATTRIBUTE = 64
PATH = "segment.filters"


def filter_from(filters: Struct) -> Filter:
    """The tree. Raises Invalid where a value is no list of strings, or an empty one: nobody, or everybody?"""
    conditions = [_condition(attribute, filters.fields[attribute]) for attribute in sorted(filters.fields)]
    if not conditions:
        return Filter()
    return Filter(all_of=FilterList(filters=[Filter(condition=condition) for condition in conditions]))


def _condition(attribute: str, value: Value) -> Condition:
    if not 0 < len(attribute) <= LONGEST_ATTRIBUTE:
        message = f"An attribute has 1 to {LONGEST_ATTRIBUTE} characters."
        raise Invalid("FILTER_INVALID", message, field=f"{PATH}.{attribute[:LONGEST_ATTRIBUTE]}")
    return Condition(attribute=attribute, operator=Condition.OPERATOR_ANY_OF, values=_values(attribute, value))


def _values(attribute: str, value: Value) -> Sequence[str]:
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
    conditions = _conditions(tree)
    if conditions is None or len({condition.attribute for condition in conditions}) < len(conditions):
        return None
    for condition in conditions:
        if condition.operator != Condition.OPERATOR_ANY_OF:
            return None
        filters.get_or_create_list(condition.attribute).extend(list(condition.values))
    return filters


def _conditions(tree: Filter) -> Sequence[Condition] | None:
    kind = tree.WhichOneof("kind")
    if kind is None:
        return []
    if kind == "condition":
        return [tree.condition]
    if kind == "all_of" and all(item.WhichOneof("kind") == "condition" for item in tree.all_of.filters):
        return [item.condition for item in tree.all_of.filters]
    return None
