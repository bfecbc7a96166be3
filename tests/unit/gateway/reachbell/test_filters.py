"""ReachBell's filters, there and back."""

from __future__ import annotations

from typing import Any

import pytest
from carillon.segments.v1.filter_pb2 import Condition, Filter, FilterList
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from gateway.dialects.reachbell.filters import filter_from, filters_to
from services.runtime.errors import Invalid

ORIGINAL = "projects/proj_a/campaigns/cmp_a"


def struct(filters: dict[str, Any]) -> Struct:
    written = Struct()
    written.update(filters)
    return written


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"country": ["US"]},
        {"country": ["US", "CA"], "tags": ["newsletter"]},
        {"plan": ["z", "a", "z"]},
    ],
)
def test_filters_are_read_back_as_they_were_written(filters: dict[str, Any]) -> None:
    read_back = filters_to(filter_from(struct(filters)))

    assert read_back is not None
    assert json_format.MessageToDict(read_back) == filters


def test_no_filters_are_everybody() -> None:
    assert filter_from(struct({})) == Filter()


def test_values_are_any_of_and_keys_are_all_of() -> None:
    tree = filter_from(struct({"country": ["US", "CA"], "tags": ["a"]}))

    conditions = [item.condition for item in tree.all_of.filters]
    assert [(item.attribute, list(item.values)) for item in conditions] == [("country", ["US", "CA"]), ("tags", ["a"])]
    assert {item.operator for item in conditions} == {Condition.OPERATOR_ANY_OF}


def test_an_override_narrows_to_those_who_did_not_open() -> None:
    filters = {"country": ["US"], "tags": ["did-not-open", "vip"]}

    tree = filter_from(struct(filters), overridden=ORIGINAL)

    assert [item.WhichOneof("kind") for item in tree.all_of.filters] == ["condition", "did_not_open", "condition"]
    assert tree.all_of.filters[1].did_not_open.campaign == ORIGINAL
    assert list(tree.all_of.filters[2].condition.values) == ["vip"]
    assert json_format.MessageToDict(filters_to(tree)) == filters  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("filters", "overridden", "field"),
    [
        ({"tags": ["vip", "did-not-open"]}, "", "segment.filters.tags[1]"),
        ({"country": ["did-not-open"]}, "", "segment.filters.country[0]"),
        ({"country": ["did-not-open"]}, ORIGINAL, "segment.filters.country[0]"),
    ],
)
def test_did_not_open_is_refused_elsewhere(filters: dict[str, Any], overridden: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        filter_from(struct(filters), overridden=overridden)

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("filters", "field"),
    [
        ({"country": []}, "segment.filters.country"),
        ({"country": "US"}, "segment.filters.country"),
        ({"country": None}, "segment.filters.country"),
        ({"country": {"in": ["US"]}}, "segment.filters.country"),
        ({"age": [30]}, "segment.filters.age[0]"),
        ({"country": ["US", None]}, "segment.filters.country[1]"),
        ({"": ["x"]}, "segment.filters."),
        ({"a" * 65: ["x"]}, "segment.filters." + "a" * 64),
    ],
)
def test_what_could_mean_nobody_or_everybody_is_refused(filters: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        filter_from(struct(filters))

    assert refused.value.field == field


def test_a_tree_that_reachbell_has_no_words_for_has_none() -> None:
    exists = Filter(condition=Condition(attribute="plan", operator=Condition.OPERATOR_EXISTS))
    nobody = Filter(none_of=FilterList(filters=[Filter()]))
    country = Filter(condition=Condition(attribute="country", operator=Condition.OPERATOR_ANY_OF, values=["US"]))
    both = Filter(all_of=FilterList(filters=[country, country]))

    assert filters_to(exists) is None
    assert filters_to(nobody) is None
    assert filters_to(both) is None
