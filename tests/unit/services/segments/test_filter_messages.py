"""How a filter is read from its message."""

from __future__ import annotations

import pytest
from carillon.segments.v1.filter_pb2 import Condition as ConditionMessage
from carillon.segments.v1.filter_pb2 import Filter as FilterMessage
from carillon.segments.v1.filter_pb2 import FilterList

from services.runtime.errors import Invalid
from services.segments.domain.filters import EVERYBODY, Combination, Condition, Group, Operator
from services.segments.filter_messages import OPERATORS, read_filter


def test_a_filter_with_nothing_set_is_everybody() -> None:
    assert read_filter(FilterMessage(), "filter") == EVERYBODY


@pytest.mark.parametrize("combination", Combination)
def test_every_combination_is_read(combination: Combination) -> None:
    condition = ConditionMessage(attribute="plan", operator=ConditionMessage.OPERATOR_ANY_OF, values=["pro"])
    message = FilterMessage()
    getattr(message, combination.value).filters.add(condition=condition)

    assert read_filter(message, "filter") == Group(combination, (Condition("plan", Operator.ANY_OF, ("pro",)),))


def test_every_operator_of_the_contract_is_known() -> None:
    assert set(OPERATORS) == set(ConditionMessage.Operator.values()) - {ConditionMessage.OPERATOR_UNSPECIFIED}
    assert set(OPERATORS.values()) == set(Operator)


def test_a_condition_without_an_operator_is_refused_at_its_path() -> None:
    inner = FilterMessage(condition=ConditionMessage(attribute="plan"))

    with pytest.raises(Invalid) as caught:
        read_filter(FilterMessage(any_of=FilterList(filters=[inner])), "audience.filter")

    assert caught.value.field == "audience.filter.any_of.filters[0].condition.operator"
