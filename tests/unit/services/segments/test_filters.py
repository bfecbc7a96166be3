"""What a filter may say."""

from __future__ import annotations

import pytest

from services.runtime.errors import Invalid
from services.segments.domain.filters import (
    EVERYBODY,
    MAX_CAMPAIGNS,
    MAX_CONDITIONS,
    Combination,
    Condition,
    DidNotOpen,
    Filter,
    Group,
    Operator,
    campaigns,
    check,
    custom_attributes,
    require_known,
)


def any_of(attribute: str = "country", *values: str) -> Condition:
    return Condition(attribute, Operator.ANY_OF, values or ("x",))


def nested(depth: int) -> Filter:
    return any_of() if depth == 1 else Group(Combination.ALL_OF, (nested(depth - 1),))


def refusal(tree: Filter) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        check(tree, "audience.filter")
    return caught.value.reason, caught.value.field


def test_everybody_is_a_filter() -> None:
    check(EVERYBODY, "audience.filter")


def test_ten_levels_are_accepted_and_eleven_are_not() -> None:
    check(nested(10), "audience.filter")

    reason, field = refusal(nested(11))

    assert reason == "FILTER_TOO_DEEP"
    assert field == "audience.filter" + ".all_of.filters[0]" * 10


def test_a_hundred_operands_are_accepted_and_one_more_is_not() -> None:
    check(Group(Combination.ANY_OF, (any_of(),) * 100), "audience.filter")

    assert refusal(Group(Combination.ANY_OF, (any_of(),) * 101)) == (
        "FILTER_TOO_WIDE",
        "audience.filter.any_of.filters",
    )


def test_conditions_are_limited_in_all() -> None:
    row = Group(Combination.ANY_OF, (any_of(),) * 100)
    full = Group(Combination.ALL_OF, (row,) * (MAX_CONDITIONS // 100))
    check(full, "filter")

    assert refusal(Group(Combination.ALL_OF, (full, any_of())))[0] == "FILTER_TOO_LARGE"


def test_campaigns_are_limited_in_all_and_found_with_their_paths() -> None:
    named = DidNotOpen(b"c" * 12, None)
    check(Group(Combination.ANY_OF, (named,) * MAX_CAMPAIGNS), "filter")

    assert refusal(Group(Combination.ANY_OF, (named,) * (MAX_CAMPAIGNS + 1)))[0] == "FILTER_TOO_LARGE"
    assert list(campaigns(Group(Combination.NONE_OF, (any_of(), named)), "filter")) == [
        ("filter.none_of.filters[1].did_not_open.campaign", named)
    ]
    assert custom_attributes(named) == frozenset()


@pytest.mark.parametrize(
    ("condition", "reason", "field"),
    [
        (Condition("", Operator.ANY_OF, ("x",)), "ATTRIBUTE_REQUIRED", "attribute"),
        (Condition("a\0b", Operator.ANY_OF, ("x",)), "NUL_REFUSED", "attribute"),
        (Condition("plan", Operator.ANY_OF, ()), "VALUES_OUT_OF_RANGE", "values"),
        (Condition("plan", Operator.ANY_OF, ("x",) * 1001), "VALUES_OUT_OF_RANGE", "values"),
        (Condition("plan", Operator.ANY_OF, ("x", "\0")), "NUL_REFUSED", "values[1]"),
        (Condition("plan", Operator.EXISTS, ("x",)), "VALUES_NOT_ALLOWED", "values"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused_at_its_field(condition: Condition, reason: str, field: str) -> None:
    tree = Group(Combination.NONE_OF, (any_of(), condition))

    assert refusal(tree) == (reason, f"audience.filter.none_of.filters[1].condition.{field}")


def test_a_thousand_values_are_accepted() -> None:
    check(Condition("plan", Operator.ANY_OF, ("x",) * 1000), "filter")


def test_fields_of_a_contact_are_not_custom_attributes() -> None:
    tree = Group(Combination.ALL_OF, tuple(any_of(name) for name in ("country", "locale", "time_zone", "tags", "plan")))

    assert custom_attributes(tree) == {"plan"}


def test_an_unknown_attribute_is_refused_with_its_path_and_its_key() -> None:
    tree = Group(Combination.ALL_OF, (any_of("plan"), Group(Combination.NONE_OF, (any_of("paln"),))))

    with pytest.raises(Invalid) as caught:
        require_known(tree, {"plan"}, "audience.filter")

    assert caught.value.reason == "UNKNOWN_ATTRIBUTE"
    assert caught.value.field == ("audience.filter.all_of.filters[1].none_of.filters[0].condition.attribute")
    assert caught.value.metadata == {"attribute": "paln"}


def test_known_attributes_and_fields_pass() -> None:
    require_known(Group(Combination.ANY_OF, (any_of("plan"), any_of("tags"))), {"plan"}, "filter")
