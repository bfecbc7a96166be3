"""Owns reading a filter from its message, and nothing about what makes it acceptable but that it can be read."""

from __future__ import annotations

from carillon.segments.v1.filter_pb2 import Condition as ConditionMessage
from carillon.segments.v1.filter_pb2 import Filter as FilterMessage

from services import names
from services.runtime.errors import Invalid
from services.segments.domain.filters import EVERYBODY, Combination, Condition, DidNotOpen, Filter, Group, Operator

OPERATORS = {ConditionMessage.OPERATOR_ANY_OF: Operator.ANY_OF, ConditionMessage.OPERATOR_EXISTS: Operator.EXISTS}


def read_filter(message: FilterMessage, path: str) -> Filter:
    """The tree; Invalid where a condition says no operator, NotFound where a campaign's name is none. Protobuf itself
    bounds the depth at 100."""
    kind = message.WhichOneof("kind")
    if kind is None:
        return EVERYBODY
    if kind == "condition":
        return _read_condition(message.condition, f"{path}.condition")
    if kind == "did_not_open":
        project, campaign = names.split(
            message.did_not_open.campaign, "projects", "campaigns", field=f"{path}.did_not_open.campaign"
        )
        assert campaign is not None
        return DidNotOpen(campaign, project)
    operands = getattr(message, kind).filters
    return Group(
        Combination(kind),
        tuple(read_filter(operand, f"{path}.{kind}.filters[{index}]") for index, operand in enumerate(operands)),
    )


def _read_condition(message: ConditionMessage, path: str) -> Condition:
    operator = OPERATORS.get(message.operator)
    if operator is None:
        raise Invalid("OPERATOR_REQUIRED", "Say how the attribute is compared.", field=f"{path}.operator")
    return Condition(message.attribute, operator, tuple(message.values))
