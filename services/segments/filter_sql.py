"""Owns turning a filter into a condition on the table contact, known as `c`.

Never writes a value or an attribute's name into the text: all of them are parameters.
"""

from __future__ import annotations

from services.segments.domain.filters import Combination, Condition, DidNotOpen, Filter, Operator

COLUMNS = {"country": "c.country", "email": "c.email", "locale": "c.locale", "time_zone": "c.time_zone"}
JOINERS = {Combination.ALL_OF: " AND ", Combination.ANY_OF: " OR ", Combination.NONE_OF: " OR "}
FEW_TAGS = 32  # `&&` compares each with each; looking each up in a hash costs as much as comparing with so many
# A scalar subquery is looked up contact by contact, by the key: the walk keeps its order, whatever stands around it.
IS_NON_OPENER = """coalesce((SELECT true FROM pg_temp.non_opener AS n
           WHERE n.campaign = {campaign} AND n.contact = c.id), false)"""
EMPTY = {Combination.ALL_OF: "true", Combination.ANY_OF: "false", Combination.NONE_OF: "true"}


def compile_filter(tree: Filter, *, first: int) -> tuple[str, list[object]]:
    """The condition's text, whose parameters begin at `$first`, and the parameters. Where it names campaigns, their
    non-openers must have been put beside it (non_openers.py)."""
    compiler = _Compiler(first)
    return compiler.compile(tree), compiler.parameters


class _Compiler:
    def __init__(self, first: int) -> None:
        self._first = first
        self.parameters: list[object] = []

    def compile(self, tree: Filter) -> str:
        if isinstance(tree, Condition):
            return self._condition(tree)
        if isinstance(tree, DidNotOpen):
            return IS_NON_OPENER.format(campaign=self._bind(tree.campaign, "bytea"))
        if not tree.operands:
            return EMPTY[tree.combination]
        joined = JOINERS[tree.combination].join(self.compile(operand) for operand in tree.operands)
        return f"NOT ({joined})" if tree.combination is Combination.NONE_OF else f"({joined})"

    def _condition(self, condition: Condition) -> str:
        # Never NULL: `none_of` would turn an absent attribute into "not this person".
        if condition.operator is Operator.EXISTS:
            return self._exists(condition.attribute)
        if condition.attribute in COLUMNS:
            return f"{COLUMNS[condition.attribute]} = ANY({self._bind(list(condition.values), 'text[]')})"
        values = self._bind(list(condition.values), "text[]")
        if condition.attribute == "tags" and len(condition.values) <= FEW_TAGS:
            return f"c.tags && {values}"
        if condition.attribute == "tags":
            return f"EXISTS (SELECT FROM unnest(c.tags) AS tag WHERE tag = ANY({values}))"
        key = self._bind(condition.attribute, "text")
        return f"coalesce(c.attributes ->> {key} = ANY({values}), false)"

    def _exists(self, attribute: str) -> str:
        if attribute in COLUMNS:
            return f"{COLUMNS[attribute]} <> ''"
        if attribute == "tags":
            return "c.tags <> '{}'"
        return f"jsonb_exists(c.attributes, {self._bind(attribute, 'text')})"

    def _bind(self, value: object, kind: str) -> str:
        self.parameters.append(value)
        return f"${self._first + len(self.parameters) - 1}::{kind}"
