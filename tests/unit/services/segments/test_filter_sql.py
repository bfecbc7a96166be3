"""How a filter becomes a condition."""

from __future__ import annotations

import re

import pytest

from services.segments.domain.filters import EVERYBODY, Combination, Condition, DidNotOpen, Filter, Group, Operator
from services.segments.filter_sql import FEW_TAGS, compile_filter

HOSTILE = "x'; DROP TABLE contact; --"


@pytest.mark.parametrize(
    ("combination", "text"),
    [(Combination.ALL_OF, "true"), (Combination.ANY_OF, "false"), (Combination.NONE_OF, "true")],
)
def test_a_group_without_operands_means_what_its_name_says(combination: Combination, text: str) -> None:
    assert compile_filter(Group(combination), first=3) == (text, [])


@pytest.mark.parametrize("column", ["country", "locale", "time_zone"])
def test_a_field_is_compared_as_a_column(column: str) -> None:
    text, parameters = compile_filter(Condition(column, Operator.ANY_OF, ("a", "b")), first=3)

    assert text == f"c.{column} = ANY($3::text[])"
    assert parameters == [["a", "b"]]


def test_an_absent_attribute_is_false_and_not_null() -> None:
    text, parameters = compile_filter(Condition("plan", Operator.ANY_OF, ("pro",)), first=5)

    assert text == "coalesce(c.attributes ->> $6::text = ANY($5::text[]), false)"
    assert parameters == [["pro"], "plan"]


@pytest.mark.parametrize(("count", "operator"), [(FEW_TAGS, "&&"), (FEW_TAGS + 1, "unnest")])
def test_many_tags_are_looked_up_in_a_hash(count: int, operator: str) -> None:
    text, _ = compile_filter(Condition("tags", Operator.ANY_OF, ("t",) * count), first=1)

    assert operator in text


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ("country", "c.country <> ''"),
        ("tags", "c.tags <> '{}'"),
        ("plan", "jsonb_exists(c.attributes, $3::text)"),
    ],
)
def test_existing_is_asked_of_the_right_column(attribute: str, text: str) -> None:
    assert compile_filter(Condition(attribute, Operator.EXISTS), first=3)[0] == text


def test_non_openers_are_looked_up_by_their_key_and_never_null() -> None:
    text, parameters = compile_filter(Group(Combination.NONE_OF, (DidNotOpen(b"c" * 12, None),)), first=5)

    assert " ".join(text.split()) == (
        "NOT (coalesce((SELECT true FROM pg_temp.non_opener AS n"
        " WHERE n.campaign = $5::bytea AND n.contact = c.id), false))"
    )
    assert parameters == [b"c" * 12]


def test_groups_are_bracketed_and_none_of_negates_the_whole() -> None:
    us, pro = Condition("country", Operator.ANY_OF, ("US",)), Condition("locale", Operator.EXISTS)
    tree = Group(Combination.ALL_OF, (us, Group(Combination.NONE_OF, (us, pro)), Group(Combination.ANY_OF, (us, pro))))

    text, parameters = compile_filter(tree, first=3)

    assert text == (
        "(c.country = ANY($3::text[]) AND NOT (c.country = ANY($4::text[]) OR c.locale <> '')"
        " AND (c.country = ANY($5::text[]) OR c.locale <> ''))"
    )
    assert parameters == [["US"]] * 3


@pytest.mark.parametrize(
    "tree",
    [
        Condition(HOSTILE, Operator.ANY_OF, (HOSTILE,)),
        Condition(HOSTILE, Operator.EXISTS),
        Condition("tags", Operator.ANY_OF, (HOSTILE,)),
        Group(Combination.ANY_OF, (Condition("country", Operator.ANY_OF, (HOSTILE,)), EVERYBODY)),
    ],
)
def test_nothing_a_caller_wrote_is_in_the_text(tree: Filter) -> None:
    text, parameters = compile_filter(tree, first=3)

    assert "DROP" not in text
    assert sorted(int(number) for number in re.findall(r"\$(\d+)", text)) == list(range(3, 3 + len(parameters)))
