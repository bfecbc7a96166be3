"""Campaigns between ReachBell and the core."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.campaigns.v1 import campaigns_pb2 as core
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_HTTP
from google.protobuf import json_format

from gateway.dialects.reachbell import translate
from services.runtime.errors import Invalid, NotFound
from tests.unit.gateway.builders import CAMPAIGN_ID, PROJECT_ID

NOW = datetime.datetime(2026, 6, 12, 9, 0, tzinfo=datetime.UTC)
SEGMENT_ID = "seg_00D1ZYCVAWZ84A5Z70D0"

# The document's own body.
BODY: dict[str, Any] = {
    "name": "Spring sale launch",
    "projectId": PROJECT_ID,
    "content": {
        "title": "Spring sale is live",
        "body": "30% off everything until Sunday.",
        "iconUrl": "https://cdn.example.com/icon-192.png",
        "imageUrl": "https://cdn.example.com/hero.jpg",
        "clickUrl": "https://example.com/sale",
        "actions": [{"action": "shop", "title": "Shop now"}],
    },
    "segment": {"filters": {"country": ["US", "CA"], "tags": ["newsletter"]}},
    "schedule": {"mode": "scheduled", "sendAt": "2026-06-15T14:00:00.000Z", "timezone": "America/New_York"},
    "utm": {"source": "reachbell", "medium": "push", "campaign": "spring-sale"},
}


def read(body: dict[str, Any]) -> core.Campaign:
    return translate.campaign_from(json_format.ParseDict(body, pb.CreateCampaignRequest()))


def stored(campaign: core.Campaign, **more: Any) -> core.Campaign:
    """What the core would answer."""
    answer = core.Campaign(name=f"projects/{PROJECT_ID}/campaigns/{CAMPAIGN_ID}", state=core.Campaign.STATE_DRAFT)
    answer.create_time.FromDatetime(NOW)
    answer.update_time.FromDatetime(NOW)
    answer.MergeFrom(campaign)
    answer.MergeFrom(core.Campaign(**more))
    return answer


def shown(campaign: core.Campaign, numbers: CampaignStats | None = None) -> dict[str, Any]:
    """The answer as JSON, as Envoy prints it."""
    answer = translate.campaign_to(campaign, numbers or CampaignStats())
    return json_format.MessageToDict(answer, always_print_fields_with_no_presence=True)


def test_the_documented_body_reads_back_whole() -> None:
    answer = shown(stored(read(BODY), state=core.Campaign.STATE_SCHEDULED))

    assert answer == BODY | {
        "id": CAMPAIGN_ID,
        "status": "scheduled",
        "stats": dict.fromkeys(("queued", "sent", "delivered", "clicked", "dismissed", "failed"), 0)
        | {"ctr": 0.0, "deliveryRate": 0.0},
        "createdAt": "2026-06-12T09:00:00.000Z",
        "updatedAt": "2026-06-12T09:00:00.000Z",
    }


def test_a_draft_needs_only_a_name_and_a_project() -> None:
    campaign = read({"name": "x", "projectId": PROJECT_ID})

    answer = shown(stored(campaign))
    assert campaign.schedule.WhichOneof("kind") is None
    assert not campaign.HasField("audience")
    assert (answer["status"], answer["schedule"]) == ("draft", {"mode": "draft"})
    assert not answer.keys() & {"content", "segment", "utm"}


@pytest.mark.parametrize("channels", [[CHANNEL_EMAIL], [CHANNEL_HTTP], [CHANNEL_EMAIL, CHANNEL_HTTP]])
def test_a_campaign_that_goes_other_ways_is_shown_with_its_numbers_and_without_content(channels: Any) -> None:
    campaign = core.Campaign(
        display_name="x", channels=channels, queued_message_count=4, state=core.Campaign.STATE_COMPLETED
    )

    answer = shown(stored(campaign), CampaignStats(sent=4))

    assert answer["content"] is None
    assert (answer["stats"]["queued"], answer["stats"]["sent"]) == (4, 4)


def test_a_campaign_that_goes_by_push_too_shows_what_its_push_shows() -> None:
    campaign = stored(read(BODY), channels=[CHANNEL_EMAIL])

    assert shown(campaign)["content"] == BODY["content"]


def test_a_saved_segment_is_the_projects() -> None:
    campaign = read(BODY | {"segment": {"savedSegmentId": SEGMENT_ID}})

    assert campaign.audience.segment == f"projects/{PROJECT_ID}/segments/{SEGMENT_ID}"
    assert shown(stored(campaign))["segment"] == {"savedSegmentId": SEGMENT_ID}


def test_no_filters_are_an_audience_and_no_segment_is_none() -> None:
    assert read(BODY | {"segment": {"filters": {}}}).HasField("audience")
    assert not read(BODY | {"segment": {}}).HasField("audience")


def test_filters_and_a_saved_segment_together_are_refused() -> None:
    with pytest.raises(Invalid) as refused:
        read(BODY | {"segment": {"filters": {}, "savedSegmentId": SEGMENT_ID}})

    assert refused.value.field == "segment"


@pytest.mark.parametrize("malformed", ["", "seg_x", "cmp_00D1ZYCVAWZ84A5Z70D0", "seg_00D1ZYCVAWZ84A5Z70D0/x"])
def test_a_malformed_id_is_not_found(malformed: str) -> None:
    with pytest.raises(NotFound):
        read(BODY | {"segment": {"savedSegmentId": malformed}})
    with pytest.raises(NotFound):
        translate.project_name(malformed)
    with pytest.raises(NotFound):
        translate.campaign_name(malformed.replace("cmp_", "seg_"))


def test_an_actions_click_url_is_its_url() -> None:
    actions = [
        {"action": "a", "title": "A", "clickUrl": "https://a"},
        {"action": "b", "title": "B", "url": "https://b"},
    ]

    campaign = read(BODY | {"content": {"title": "t", "actions": actions}})

    assert [item.url for item in campaign.push_content.actions] == ["https://a", "https://b"]


def test_numbers_are_counted_as_documented() -> None:
    numbers = CampaignStats(
        queued=7, sent=9, delivered=9, clicked=2, dismissed=1, failed=1, expired=2, unknown=3, suppressed=4, cancelled=5
    )

    answer = shown(stored(read(BODY), queued_message_count=15, state=core.Campaign.STATE_COMPLETED), numbers)

    assert answer["stats"] == {
        "queued": 15,
        "sent": 9,
        "delivered": 9,
        "clicked": 2,
        "dismissed": 1,
        "failed": 6,
        "ctr": 0.2222,
        "deliveryRate": 0.6,
    }


def test_every_field_of_the_content_and_the_utm_is_translated() -> None:
    assert set(translate.CONTENT_FIELDS) | {"actions"} == set(pb.Content.DESCRIPTOR.fields_by_name)
    assert set(translate.CONTENT_FIELDS) | {"actions"} == set(core.PushContent.DESCRIPTOR.fields_by_name)
    assert set(translate.UTM_FIELDS) == set(pb.Utm.DESCRIPTOR.fields_by_name)
    assert set(translate.UTM_FIELDS) == set(core.Utm.DESCRIPTOR.fields_by_name)
