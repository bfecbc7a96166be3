"""Owns translating campaigns and their numbers between ReachBell and the core. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.campaigns.v1 import campaigns_pb2 as core
from carillon.campaigns.v1.campaigns_service_pb2 import ResendCampaignRequest, StartCampaignRequest
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb
from carillon.segments.v1.segments_pb2 import CHANNEL_PUSH, Audience
from google.protobuf import json_format
from google.protobuf.struct_pb2 import NULL_VALUE, Value

from gateway.dialects.reachbell import times, vendor
from gateway.dialects.reachbell.filters import DID_NOT_OPEN, filter_from, filters_to
from gateway.dialects.reachbell.states import WORDS
from gateway.numbers import UNLAUNCHED
from services import names
from services.runtime.errors import Invalid

CONTENT_FIELDS = ("title", "body", "icon_url", "image_url", "click_url")
UTM_FIELDS = ("source", "medium", "campaign", "term", "content")


def project_name(project_id: str) -> str:
    """`proj_…` → `projects/proj_…`, or NotFound."""
    return names.join(("projects", names.parse_id("projects", project_id, field="parent")))


def campaign_name(campaign_id: str) -> str:
    """`cmp_…` → `projects/-/campaigns/cmp_…`, or NotFound."""
    spelled = names.spell("campaigns", names.parse_id("campaigns", campaign_id, field="name"))
    return f"projects/{names.ANY_PROJECT}/campaigns/{spelled}"


def project_id_of(campaign: core.Campaign) -> str:
    """`proj_…` of the campaign's name."""
    return str(campaign.name).split("/")[1]


def campaign_from(request: pb.CreateCampaignRequest, *, beside: str = "") -> core.Campaign:
    """What the core is to keep; `beside` are the `vendor_fields` before. Raises Invalid or NotFound."""
    campaign = core.Campaign(display_name=request.name, channels=[CHANNEL_PUSH])
    if request.HasField("content"):
        campaign.push_content.CopyFrom(_content_from(request.content))
    if request.HasField("segment") and (audience := audience_from(request.segment, request.project_id)):
        campaign.audience.CopyFrom(audience)
    if request.HasField("schedule"):
        schedule, kept = times.schedule_from(request.schedule)
        campaign.schedule.CopyFrom(schedule)
        campaign.vendor_fields = vendor.fields_with(kept, beside=beside)
    if request.HasField("utm"):
        campaign.utm.CopyFrom(core.Utm(**{name: getattr(request.utm, name) for name in UTM_FIELDS}))
    return campaign


def _content_from(content: pb.Content) -> core.PushContent:
    actions = [
        core.PushAction(action=item.action, title=item.title, url=item.url or item.click_url)
        for item in content.actions
    ]
    return core.PushContent(**{name: getattr(content, name) for name in CONTENT_FIELDS}, actions=actions)


def audience_from(segment: pb.Segment, project_id: str, *, overridden: str = "") -> Audience | None:
    """Whom it is for, None where it does not say; `overridden` as filter_from has it. Raises Invalid or NotFound."""
    if segment.HasField("filters") and segment.HasField("saved_segment_id"):
        raise Invalid("SEGMENT_AMBIGUOUS", "Give either filters or savedSegmentId.", field="segment")
    if segment.HasField("filters"):
        return Audience(filter=filter_from(segment.filters, overridden=overridden))
    if segment.HasField("saved_segment_id"):
        saved = names.parse_id("segments", segment.saved_segment_id, field="audience.segment")
        return Audience(segment=f"{project_name(project_id)}/segments/{names.spell('segments', saved)}")
    return None


def override_from(request: pb.SendCampaignRequest, campaign: core.Campaign) -> Audience | None:
    """Whom the campaign is sent to instead, None where to the same. Raises Invalid or NotFound."""
    if not request.HasField("segment"):
        return None
    audience = audience_from(request.segment, project_id_of(campaign), overridden=campaign.name)
    if audience is None:
        raise Invalid("SEGMENT_REQUIRED", "Give filters or savedSegmentId.", field="segment")
    if campaign.state in UNLAUNCHED and _asks_who_did_not_open(audience):
        message = f"Nobody has got this campaign yet, so nobody can be {DID_NOT_OPEN}."
        raise Invalid("FILTER_INVALID", message, field="segment.filters.tags")
    return audience


def _asks_who_did_not_open(audience: Audience) -> bool:
    return any(operand.HasField("did_not_open") for operand in audience.filter.all_of.filters)


@dataclass(frozen=True, slots=True)
class Sending:
    """What the core is asked for: to start the campaign, or, unless it was still to be launched, to send it again."""

    start: StartCampaignRequest
    again: ResendCampaignRequest
    is_unlaunched: bool


def sending_of(request: pb.SendCampaignRequest, campaign: core.Campaign) -> Sending:
    """Of a campaign that was read; the `sendAt` that we kept was the old campaign's. Raises Invalid or NotFound."""
    audience = override_from(request, campaign)
    forgotten = vendor.fields_with({}, beside=campaign.vendor_fields)
    return Sending(
        start=StartCampaignRequest(name=campaign.name, audience=audience),
        again=ResendCampaignRequest(name=campaign.name, audience=audience, vendor_fields=forgotten),
        is_unlaunched=campaign.state in UNLAUNCHED,
    )


def unread_sending(request: pb.SendCampaignRequest) -> Sending:
    """Of a campaign that is not there: only an answer that was kept can come of it."""
    name = campaign_name(request.id)
    start, again = StartCampaignRequest(name=name), ResendCampaignRequest(name=name)
    return Sending(start=start, again=again, is_unlaunched=False)


def campaign_to(campaign: core.Campaign, numbers: CampaignStats) -> pb.Campaign:
    """The full campaign object."""
    answer = pb.Campaign(
        id=campaign.name.rpartition("/")[2],
        name=campaign.display_name,
        project_id=project_id_of(campaign),
        status=WORDS[campaign.state],
        schedule=times.schedule_to(campaign.schedule, vendor.kept_in(campaign)),
        stats=stats_to(campaign, numbers),
        created_at=times.spell_stamp(campaign.create_time),
        updated_at=times.spell_stamp(campaign.update_time),
    )
    if not shows_push(campaign):
        answer.content.null_value = NULL_VALUE
    elif campaign.HasField("push_content"):
        content = json_format.MessageToDict(
            _content_to(campaign.push_content), always_print_fields_with_no_presence=True
        )
        answer.content.CopyFrom(json_format.ParseDict(content, Value()))
    if campaign.HasField("audience"):
        answer.segment.CopyFrom(_segment_to(campaign.audience))
    if campaign.HasField("utm"):
        answer.utm.CopyFrom(pb.Utm(**_given(campaign.utm, UTM_FIELDS)))
    return answer


def shows_push(campaign: core.Campaign) -> bool:
    """Whether its content is ReachBell's; a campaign without any channel yet may still become so."""
    return not campaign.channels or CHANNEL_PUSH in campaign.channels


def _content_to(content: core.PushContent) -> pb.Content:
    actions = [pb.Action(action=item.action, title=item.title, **_given(item, ("url",))) for item in content.actions]
    return pb.Content(**_given(content, CONTENT_FIELDS), actions=actions)


def _segment_to(audience: Audience) -> pb.Segment:
    if audience.WhichOneof("kind") == "segment":
        return pb.Segment(saved_segment_id=audience.segment.rpartition("/")[2])
    return pb.Segment(filters=filters_to(audience.filter))


def _given(message: Any, fields: tuple[str, ...]) -> dict[str, str]:
    """The fields that say something; the others are left out of the answer."""
    return {name: value for name in fields if (value := getattr(message, name))}


def stats_to(campaign: core.Campaign, numbers: CampaignStats) -> pb.Stats:
    """The full stats block; `queued` is the campaign's own, which never lags behind."""
    queued = campaign.queued_message_count
    return pb.Stats(
        queued=queued,
        sent=numbers.sent,
        delivered=numbers.delivered,
        clicked=numbers.clicked,
        dismissed=numbers.dismissed,
        failed=numbers.failed + numbers.expired + numbers.unknown,
        ctr=_rate(numbers.clicked, numbers.delivered),
        delivery_rate=_rate(numbers.delivered, queued),
    )


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
