"""What calls of the project's own endpoint may carry."""

from __future__ import annotations

from typing import Any

import pytest

from services.campaigns.domain.campaign import HTTP
from services.runtime.errors import Invalid
from tests.unit.services.campaigns.domain.builders import a_call, a_definition


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"content": "{}"},
        {
            "content": '{"title": "Sälé", "n": [1, 2.5, null]}',
            "contact_fields": ("email", "first_name", "Loyalty Tier"),
        },
        {"content": '{"a": "' + "x" * (64 * 1024 - 9) + '"}'},
    ],
)
def test_a_whole_call_can_start(changes: dict[str, Any]) -> None:
    definition = a_definition(channels=(HTTP,), content=None, http=a_call(**changes))

    definition.check()
    definition.check_can_start()


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"content": "{"}, "JSON_INVALID", "content"),
        ({"content": "[]"}, "JSON_INVALID", "content"),
        ({"content": "null"}, "JSON_INVALID", "content"),
        ({"content": '"text"'}, "JSON_INVALID", "content"),
        ({"content": '{"a": NaN}'}, "JSON_INVALID", "content"),
        ({"content": '{"a": "\\ud800"}'}, "JSON_INVALID", "content"),
        ({"content": '{"a":' + "[" * 30_000}, "JSON_INVALID", "content"),
        ({"content": '{"a":' + "1" * 5_000 + "}"}, "JSON_INVALID", "content"),
        ({"content": '{"a": "' + "x" * 64 * 1024 + '"}'}, "TEXT_TOO_LONG", "content"),
        ({"contact_fields": ("",)}, "FIELD_NAME_INVALID", "contact_fields[0]"),
        ({"contact_fields": ("a", "b" * 65)}, "FIELD_NAME_INVALID", "contact_fields[1]"),
        ({"contact_fields": ("a", "b", "a")}, "FIELD_REPEATED", "contact_fields[2]"),
        ({"contact_fields": tuple(map(str, range(51)))}, "TOO_MANY_FIELDS", "contact_fields"),
    ],
)
def test_what_a_call_may_not_carry_is_refused_at_its_field_even_in_a_draft(
    changes: dict[str, Any], reason: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        a_definition(http=a_call(**changes)).check()

    assert (refused.value.reason, refused.value.field) == (reason, f"http_content.{field}")


@pytest.mark.parametrize("http", [None, a_call(provider_account=None)])
def test_a_call_needs_an_account(http: Any) -> None:
    with pytest.raises(Invalid) as refused:
        a_definition(channels=(HTTP,), http=http).check_can_start()

    assert (refused.value.reason, refused.value.field) == ("FIELD_REQUIRED", "http_content.provider_account")


def test_a_policy_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        a_definition(unknown_policy=3).check()

    assert refused.value.field == "unknown_policy"
