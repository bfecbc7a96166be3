"""Resource names: one spelling each, and a name that is no name is NotFound with its field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import names
from services.runtime import ids
from services.runtime.errors import NotFound

any_id = st.binary(min_size=ids.SIZE, max_size=ids.SIZE)
PROJECT, CAMPAIGN = bytes(11) + b"\1", bytes(11) + b"\x0a"


@given(st.lists(st.tuples(st.sampled_from(sorted(names.COLLECTIONS)), any_id), min_size=1, max_size=3))
def test_what_is_joined_is_split_again(pairs: list[tuple[str, bytes]]) -> None:
    name = names.join(*pairs)

    found = names.split(name, *(collection for collection, _ in pairs))

    assert found == tuple(value for _, value in pairs)


def test_every_collection_spells_its_ids_with_a_word_of_its_own() -> None:
    prefixes = [prefix for prefix, _ in names.COLLECTIONS.values()]

    assert len(set(prefixes)) == len(prefixes)


def test_a_dash_means_any_project() -> None:
    name = f"projects/-/campaigns/{names.spell('campaigns', CAMPAIGN)}"

    assert names.split(name, "projects", "campaigns") == (None, CAMPAIGN)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "projects",
        "projects/-",
        "projects/-/campaigns",
        "projects/-/campaigns/-",
        "projects/-/campaigns/",
        f"projects/-/campaigns/{names.spell('runs', CAMPAIGN)}",
        f"projects/-/campaigns/{names.spell('campaigns', CAMPAIGN).lower()}",
        f"projects/-/campaigns/{names.spell('campaigns', CAMPAIGN)}/",
        f"/projects/-/campaigns/{names.spell('campaigns', CAMPAIGN)}",
        f"projects/-/runs/{names.spell('campaigns', CAMPAIGN)}",
        f"projects//campaigns/{names.spell('campaigns', CAMPAIGN)}",
        f"projects/-/campaigns/{names.spell('campaigns', CAMPAIGN)}/runs/{names.spell('runs', CAMPAIGN)}",
    ],
)
def test_what_is_no_campaigns_name_is_not_found(name: str) -> None:
    with pytest.raises(NotFound) as refused:
        names.split(name, "projects", "campaigns", field="parent")

    assert refused.value.field == "parent"
    assert refused.value.reason in ("CAMPAIGN_NOT_FOUND", "PROJECT_NOT_FOUND")


def test_any_project_is_no_answer_where_one_project_is_meant() -> None:
    with pytest.raises(NotFound) as refused:
        names.split_project("projects/-")

    assert (refused.value.reason, refused.value.field) == ("PROJECT_NOT_FOUND", "parent")


def test_a_projects_name_is_its_id() -> None:
    assert names.split_project(names.join(("projects", PROJECT))) == PROJECT


def test_a_reason_has_no_spaces_even_where_the_noun_has() -> None:
    with pytest.raises(NotFound) as refused:
        names.parse_id("pushSubscriptions", "sub_?", field="name")

    assert refused.value.reason == "PUSH_SUBSCRIPTION_NOT_FOUND"
