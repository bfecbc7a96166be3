"""Owns ReachBell's PATCH: `content` and `utm` merge by RFC 7396, everything else is replaced whole, null removes.

Never decides whether a campaign can be edited: the core does, and refuses a patch of what has changed meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from carillon.campaigns.v1 import campaigns_pb2 as core
from carillon.campaigns.v1.campaigns_service_pb2 import UpdateCampaignRequest
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb
from google.protobuf import json_format
from google.protobuf.field_mask_pb2 import FieldMask

from gateway.dialects.reachbell import translate
from gateway.numbers import NOTHING
from services.runtime.errors import Conflict, NotFound

Json = Mapping[str, Any]

MERGED = ("content", "utm")
REPLACED = ("name", "segment", "schedule")

# ReachBell's field → what the core is told to replace.
MASK: Mapping[str, tuple[str, ...]] = {
    "name": ("display_name",),
    "content": ("push_content",),
    "segment": ("audience",),
    "schedule": ("schedule", "vendor_fields"),
    "utm": ("utm",),
}


def read(raw: bytes) -> Json:
    """The patch, which the door has checked already."""
    patch: Json = json.loads(raw)
    return patch


def update_from(campaign: core.Campaign, patch: Json) -> UpdateCampaignRequest:
    """What the core is to do to the campaign as it was read. Raises Invalid, NotFound or Conflict."""
    project_id = translate.project_id_of(campaign)
    if patch.get("projectId") not in (None, project_id):
        raise NotFound("CAMPAIGN_NOT_FOUND", "There is no such campaign in this project.", field="parent")
    if patch.get("content") is not None and not translate.shows_push(campaign):
        raise Conflict("CAMPAIGN_NOT_PUSH", "A campaign that goes other ways than push has no such content.")
    body = merged(_body_of(campaign), patch) | {"projectId": project_id}
    request = json_format.ParseDict(body, pb.CreateCampaignRequest())
    changed = translate.campaign_from(request, beside=campaign.vendor_fields)
    changed.name, changed.etag = campaign.name, campaign.etag
    # The name always: an empty patch is still one of a draft, and of nothing else.
    paths = [path for field in MASK if field == "name" or field in patch for path in MASK[field]]
    return UpdateCampaignRequest(campaign=changed, update_mask=FieldMask(paths=paths))


def merged(body: Json, patch: Json) -> dict[str, Any]:
    """The parts of the body that the patch is about, with the name, as they are to be."""
    answer = {"name": body["name"]}
    for field in (*REPLACED, *MERGED):
        if field not in patch:
            continue
        value = patch[field]
        if field in MERGED and value is not None:
            value = {key: item for key, item in {**(body.get(field) or {}), **value}.items() if item is not None}
        answer[field] = value
    return answer


def _body_of(campaign: core.Campaign) -> dict[str, Any]:
    return json_format.MessageToDict(translate.campaign_to(campaign, NOTHING))
