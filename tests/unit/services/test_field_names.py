"""How a contact's fields are named."""

from __future__ import annotations

import pytest

from services.field_names import BUILT_IN, field_name


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("first_name", "first_name"),
        ("firstName", "first_name"),
        ("FirstName", "first_name"),
        ("userID", "user_id"),
        ("plan2Go", "plan2_go"),
        ("Loyalty Tier", "loyalty tier"),
        ("größe", "größe"),
        ("", ""),
    ],
)
def test_a_field_has_one_name_however_it_is_spelled(spelled: str, name: str) -> None:
    assert field_name(spelled) == name
    assert field_name(name) == name


def test_the_names_of_built_in_fields_are_their_own() -> None:
    assert {field_name(name) for name in BUILT_IN} == BUILT_IN
