"""How a filter is read from its message."""

from __future__ import annotations

import pytest
from carillon.segments.v1.filter_pb2 import Condition as ConditionMessage
from carillon.segments.v1.filter_pb2 import DidNotOpen as DidNotOpenMessage
from carillon.segments.v1.filter_pb2 import Filter as FilterMessage
from carillon.segments.v1.filter_pb2 import FilterList

from services import names
from services.runtime.errors import Invalid, NotFound
from services.segments.domain.filters import EVERYBODY, Combination, Condition, DidNotOpen, Group, Operator
from services.segments.filter_messages import OPERATORS, read_filter


def test_a_filter_with_nothing_set_is_everybody() -> None:
    assert read_filter(FilterMessage(), "filter") == EVERYBODY


@pytest.mark.parametrize("combination", Combination)
def test_every_combination_is_read(combination: Combination) -> None:
    condition = ConditionMessage(attribute="plan", operator=ConditionMessage.OPERATOR_ANY_OF, values=["pro"])
    message = FilterMessage()
    getattr(message, combination.value).filters.add(condition=condition)

    assert read_filter(message, "filter") == Group(combination, (Condition("plan", Operator.ANY_OF, ("pro",)),))


@pytest.mark.parametrize(
    ("project", "expected"), [("-", None), (names.spell("projects", b"p" * 12), b"p" * 12)], ids=["any", "named"]
)
def test_did_not_open_names_a_campaign_and_maybe_its_project(project: str, expected: bytes | None) -> None:
    name = f"projects/{project}/campaigns/{names.spell('campaigns', b'c' * 12)}"

    tree = read_filter(FilterMessage(did_not_open=DidNotOpenMessage(campaign=name)), "filter")

    assert tree == DidNotOpen(b"c" * 12, expected)


def test_what_is_no_campaigns_name_is_not_found_at_its_path() -> None:
    inner = FilterMessage(did_not_open=DidNotOpenMessage(campaign="projects/-/campaigns/x"))

    with pytest.raises(NotFound) as caught:
        read_filter(FilterMessage(none_of=FilterList(filters=[inner])), "audience.filter")

    assert caught.value.field == "audience.filter.none_of.filters[0].did_not_open.campaign"


def test_every_operator_of_the_contract_is_known() -> None:
    assert set(OPERATORS) == set(ConditionMessage.Operator.values()) - {ConditionMessage.OPERATOR_UNSPECIFIED}
    assert set(OPERATORS.values()) == set(Operator)


def test_a_condition_without_an_operator_is_refused_at_its_path() -> None:
    inner = FilterMessage(condition=ConditionMessage(attribute="plan"))

    with pytest.raises(Invalid) as caught:
        read_filter(FilterMessage(any_of=FilterList(filters=[inner])), "audience.filter")

    assert caught.value.field == "audience.filter.any_of.filters[0].condition.operator"
