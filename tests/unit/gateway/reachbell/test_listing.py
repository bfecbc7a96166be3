"""Which campaigns ReachBell lists."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from carillon.campaigns.v1.campaigns_pb2 import Campaign
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb

from gateway.dialects.reachbell.listing import list_from, page_of
from gateway.dialects.reachbell.states import WORDS
from services.runtime.errors import Invalid
from tests.unit.gateway.builders import PROJECT_ID


def asked(**parameters: Any) -> Any:
    return list_from(pb.ListCampaignsRequest(project_id=PROJECT_ID, **parameters))


def instant(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("given", "page", "size"),
    [
        ({}, 1, 20),
        ({"page": 3}, 3, 20),
        ({"page_size": 1}, 1, 1),
        ({"page_size": 100}, 1, 100),
        ({"page_size": 101}, 1, 100),
    ],
)
def test_pages(given: dict[str, Any], page: int, size: int) -> None:
    assert page_of(pb.ListCampaignsRequest(**given)) == (page, size)
    assert (asked(**given).skip, asked(**given).page_size) == ((page - 1) * size, size)


def test_a_page_far_behind_the_last_is_still_a_page() -> None:
    assert asked(page=2**31 - 1, page_size=100).skip == 2**31 - 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"page": 0}, "page"),
        ({"page": -1}, "page"),
        ({"page_size": 0}, "pageSize"),
        ({"page_size": -5}, "pageSize"),
        ({"status": "SENT"}, "status"),
        ({"status": "sent,draft"}, "status"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"to": "2026-06-01T25:00:00Z"}, "to"),
    ],
)
def test_what_cannot_be_listed_is_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        asked(**given)

    assert refused.value.field == field


def test_every_word_finds_its_states() -> None:
    found = [state for word in dict.fromkeys(WORDS.values()) for state in asked(status=word).states]

    assert sorted(found) == sorted(WORDS)
    assert list(asked(status="sent").states) == [Campaign.STATE_COMPLETED, Campaign.STATE_ARCHIVED]


@pytest.mark.parametrize(
    ("given", "since", "before"),
    [
        ("2026-06-30", "2026-06-30T00:00:00+00:00", "2026-07-01T00:00:00+00:00"),
        ("2026-06-30T12:00:00Z", "2026-06-30T12:00:00+00:00", "2026-06-30T12:00:00.001+00:00"),
        ("2026-06-30T12:00:00.5+02:00", "2026-06-30T10:00:00.500+00:00", "2026-06-30T10:00:00.501+00:00"),
        ("2026-06-30T12:00", "2026-06-30T12:00:00+00:00", "2026-06-30T12:00:00.001+00:00"),
    ],
)
def test_both_ends_are_included_as_exactly_as_they_are_shown(given: str, since: str, before: str) -> None:
    found = asked(**{"from": given, "to": given})

    assert found.created_from.ToDatetime(tzinfo=datetime.UTC) == instant(since)
    assert found.created_before.ToDatetime(tzinfo=datetime.UTC) == instant(before)


def test_the_last_day_of_all_has_no_end() -> None:
    assert not asked(to="9999-12-31").HasField("created_before")
