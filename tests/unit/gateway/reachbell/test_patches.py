"""ReachBell's PATCH."""

from __future__ import annotations

import json
from typing import Any

import pytest
from carillon.campaigns.v1 import campaigns_pb2 as core
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL
from google.protobuf import json_format

from gateway.dialects.reachbell import patches, translate, vendor
from gateway.numbers import NOTHING
from services.runtime.errors import Conflict, Invalid, NotFound
from tests.unit.gateway.builders import CAMPAIGN_ID, PROJECT_ID

BODY: dict[str, Any] = {
    "name": "Spring",
    "projectId": PROJECT_ID,
    "content": {"title": "T", "body": "B", "actions": [{"action": "a", "title": "A"}]},
    "segment": {"filters": {"country": ["US"]}},
    "schedule": {"mode": "draft", "sendAt": "2027-06-15T14:00:00.000Z"},
    "utm": {"source": "s", "medium": "m"},
}


def draft() -> core.Campaign:
    campaign = translate.campaign_from(json_format.ParseDict(BODY, pb.CreateCampaignRequest()))
    campaign.name = f"projects/{PROJECT_ID}/campaigns/{CAMPAIGN_ID}"
    campaign.state = core.Campaign.STATE_DRAFT
    campaign.etag = '"7"'
    return campaign


def patched(patch: dict[str, Any]) -> tuple[core.Campaign, set[str]]:
    update = patches.update_from(draft(), patches.read(json.dumps(patch).encode()))
    return update.campaign, set(update.update_mask.paths) - {"display_name"}


def test_a_new_title_keeps_the_body() -> None:
    campaign, changed = patched({"content": {"title": "New"}})

    assert (campaign.push_content.title, campaign.push_content.body) == ("New", "B")
    assert len(campaign.push_content.actions) == 1
    assert changed == {"push_content"}


def test_null_removes() -> None:
    campaign, changed = patched({"content": {"body": None}, "utm": None, "segment": None, "schedule": None})

    assert (campaign.push_content.title, campaign.push_content.body) == ("T", "")
    assert not campaign.HasField("utm") and not campaign.HasField("audience") and not campaign.HasField("schedule")
    assert changed == {"push_content", "utm", "audience", "schedule", "vendor_fields"}


def test_segment_and_schedule_are_replaced_whole() -> None:
    campaign, changed = patched({"segment": {"filters": {"tags": ["x"]}}, "schedule": {"mode": "immediate"}})

    (only,) = campaign.audience.filter.all_of.filters
    assert only.condition.attribute == "tags"
    assert campaign.schedule.immediate and not vendor.kept_in(campaign)
    assert changed == {"audience", "schedule", "vendor_fields"}


def test_an_empty_patch_names_only_what_every_draft_has() -> None:
    campaign, changed = patched({})

    assert (campaign.display_name, campaign.etag, changed) == ("Spring", '"7"', set())


def test_what_was_answered_may_be_sent_back() -> None:
    read = json_format.MessageToDict(translate.campaign_to(draft(), NOTHING))

    campaign, _ = patched(read)

    campaign.state = core.Campaign.STATE_DRAFT
    assert campaign == draft()


def by_email() -> core.Campaign:
    """A draft that goes another way."""
    campaign = draft()
    campaign.channels[:] = [CHANNEL_EMAIL]
    campaign.ClearField("push_content")
    return campaign


def test_what_was_answered_of_a_campaign_by_email_may_be_sent_back() -> None:
    campaign = by_email()
    read = json_format.MessageToDict(translate.campaign_to(campaign, NOTHING))

    update = patches.update_from(campaign, read | {"name": "Renamed"})

    assert read["content"] is None
    assert update.campaign.display_name == "Renamed"
    assert not {"channels", "email_content"} & set(update.update_mask.paths)


def test_a_campaign_by_email_gets_no_content_of_a_push() -> None:
    with pytest.raises(Conflict) as refused:
        patches.update_from(by_email(), {"content": {"title": "New"}})

    assert refused.value.reason == "CAMPAIGN_NOT_PUSH"


def test_what_other_dialects_keep_stays() -> None:
    before = draft()
    before.vendor_fields = json.dumps({"orbit": {"a": 1}, "reachbell": {"sendAt": "x"}})

    update = patches.update_from(before, {"schedule": {"mode": "draft"}})

    assert json.loads(update.campaign.vendor_fields) == {"orbit": {"a": 1}, "reachbell": {}}


def test_a_campaign_stays_in_its_project() -> None:
    with pytest.raises(NotFound):
        patched({"projectId": PROJECT_ID[:-1] + ("0" if PROJECT_ID[-1] != "0" else "1")})


def test_a_patch_is_read_by_the_rules_of_a_create() -> None:
    with pytest.raises(Invalid) as refused:
        patched({"segment": {"filters": {"country": []}}})

    assert refused.value.field == "segment.filters.country"


def test_every_field_of_the_body_shape_can_be_patched() -> None:
    assert {field.json_name for field in pb.CampaignPatch.DESCRIPTOR.fields} == {
        field.json_name for field in pb.CreateCampaignRequest.DESCRIPTOR.fields
    }
    assert set(patches.MASK) == set(patches.MERGED) | set(patches.REPLACED)
