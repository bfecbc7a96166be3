"""Owns translating between the domain and protos: definitions, campaigns, runs, and the events that tell of them.

Never decides anything: what is wrong with a definition, the domain says.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from carillon.campaigns.v1 import campaigns_pb2 as pb
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle, RetryOf, RunStarted, StateChanged
from carillon.segments.v1 import segments_pb2
from carillon.segments.v1.filter_pb2 import Filter
from google.protobuf.timestamp_pb2 import Timestamp

from services import names
from services.campaigns.channel_messages import email_from, email_to, http_from, http_to
from services.campaigns.domain.campaign import EMAIL, HTTP, Audience, Campaign, Definition, Standing, etag_of
from services.campaigns.domain.content import PushAction, PushContent
from services.campaigns.domain.email import EmailContent
from services.campaigns.domain.run import Run
from services.campaigns.domain.utm import Utm, with_utm
from services.runtime.errors import Invalid, NotFound
from services.runtime.instants import write_instant

UTM_FIELDS = ("source", "medium", "campaign", "term", "content")


def instant(value: datetime.datetime) -> Timestamp:
    """A Timestamp of an aware datetime."""
    stamp = Timestamp()
    write_instant(stamp, value)
    return stamp


def definition_from(message: pb.Campaign, project: bytes) -> Definition:
    """What the author of a campaign of this project wrote.

    Raises Invalid for what is no instant, and NotFound for what is no name of a segment of the project.
    """
    return Definition(
        display_name=message.display_name,
        channels=tuple(dict.fromkeys(message.channels)),
        audience=audience_from(message.audience, project) if message.HasField("audience") else None,
        content=content_from(message.push_content) if message.HasField("push_content") else None,
        email=email_from(message.email_content, project) if message.HasField("email_content") else None,
        http=http_from(message.http_content, project) if message.HasField("http_content") else None,
        unknown_policy=int(message.unknown_policy),
        immediate=message.schedule.immediate,
        start_at=_start_from(message.schedule),
        time_zone=message.schedule.time_zone,
        utm=Utm(**{field: getattr(message.utm, field) for field in UTM_FIELDS}),
        labels=dict(message.labels),
        vendor_fields=message.vendor_fields,
    )


def _start_from(schedule: pb.Schedule) -> datetime.datetime | None:
    if schedule.WhichOneof("kind") != "start_time":
        return None
    try:
        return schedule.start_time.ToDatetime(tzinfo=datetime.UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid("TIME_INVALID", "This is no instant.", field="schedule.start_time") from error


def audience_from(message: segments_pb2.Audience, project: bytes) -> Audience | None:
    """The domain's audience; None where neither kind is set. Raises NotFound for what is no name of a segment here."""
    kind = message.WhichOneof("kind")
    if kind == "segment":
        owner, segment = names.split(message.segment, "projects", "segments", field="audience.segment")
        if owner not in (None, project):
            raise NotFound("SEGMENT_NOT_FOUND", "There is no such segment.", field="audience.segment")
        return Audience(segment=segment)
    if kind == "filter":
        return Audience(filter=message.filter.SerializeToString(deterministic=True))
    return None


def audience_to(audience: Audience, project: bytes) -> segments_pb2.Audience:
    """The proto of an audience."""
    if audience.segment is not None:
        return segments_pb2.Audience(segment=names.join(("projects", project), ("segments", audience.segment)))
    return segments_pb2.Audience(filter=Filter.FromString(audience.filter or b""))


def content_from(message: pb.PushContent) -> PushContent:
    """The domain's content."""
    return PushContent(
        title=message.title,
        body=message.body,
        icon_url=message.icon_url,
        image_url=message.image_url,
        click_url=message.click_url,
        actions=tuple(PushAction(action=item.action, title=item.title, url=item.url) for item in message.actions),
    )


def content_to(content: PushContent) -> pb.PushContent:
    """The proto of a content."""
    return pb.PushContent(
        title=content.title,
        body=content.body,
        icon_url=content.icon_url,
        image_url=content.image_url,
        click_url=content.click_url,
        actions=[pb.PushAction(action=item.action, title=item.title, url=item.url) for item in content.actions],
    )


def definition_to(definition: Definition, project: bytes) -> pb.Campaign:
    """A Campaign with nothing but what the author wrote; also how a definition is stored."""
    message = pb.Campaign(
        display_name=definition.display_name,
        channels=definition.channels,  # type: ignore[arg-type]
        labels=definition.labels,
        vendor_fields=definition.vendor_fields,
        unknown_policy=definition.unknown_policy,  # type: ignore[arg-type]
    )
    if definition.audience is not None:
        message.audience.CopyFrom(audience_to(definition.audience, project))
    if definition.content is not None:
        message.push_content.CopyFrom(content_to(definition.content))
    if definition.email is not None:
        message.email_content.CopyFrom(email_to(definition.email, project))
    if definition.http is not None:
        message.http_content.CopyFrom(http_to(definition.http, project))
    if definition.immediate:
        message.schedule.immediate = True
    elif definition.start_at is not None:
        write_instant(message.schedule.start_time, definition.start_at)
    if definition.time_zone:
        message.schedule.time_zone = definition.time_zone
    if definition.utm != Utm():
        message.utm.CopyFrom(pb.Utm(**{field: getattr(definition.utm, field) for field in UTM_FIELDS}))
    return message


def campaign_to(campaign: Campaign) -> pb.Campaign:
    """The whole resource."""
    return described(
        definition_to(campaign.definition, campaign.project),
        project=campaign.project,
        campaign=campaign.id,
        state=campaign.state,
        failure_reason=campaign.failure_reason,
        queued=campaign.queued,
        revision=campaign.revision,
        created_at=campaign.created_at,
        updated_at=campaign.updated_at,
        started_at=campaign.started_at,
        ended_at=campaign.ended_at,
    )


def described(
    definition: pb.Campaign,
    *,
    project: bytes,
    campaign: bytes,
    state: int,
    failure_reason: str,
    queued: int,
    revision: int,
    created_at: datetime.datetime,
    updated_at: datetime.datetime,
    started_at: datetime.datetime | None,
    ended_at: datetime.datetime | None,
) -> pb.Campaign:
    """The whole resource, made of what its author wrote (`definition` becomes it) and what became of it."""
    definition.name = names.join(("projects", project), ("campaigns", campaign))
    definition.state = int(state)  # type: ignore[assignment]
    definition.failure_reason = failure_reason
    definition.queued_message_count = queued
    definition.etag = etag_of(revision)
    write_instant(definition.create_time, created_at)
    write_instant(definition.update_time, updated_at)
    if started_at:
        write_instant(definition.start_time, started_at)
    if ended_at:
        write_instant(definition.end_time, ended_at)
    return definition


def listed(resource: pb.Campaign) -> pb.Campaign:
    """The resource as one of many: without what would make a page of them too large to carry."""
    if resource.HasField("email_content"):
        resource.email_content.ClearField("html")
        resource.email_content.ClearField("text")
    return resource


def run_to(run: Run, project: bytes) -> pb.Run:
    """The run's resource."""
    message = pb.Run(
        name=names.join(("projects", project), ("campaigns", run.campaign), ("runs", run.id)),
        state=int(run.state),  # type: ignore[arg-type]
        contact_count=run.contact_count,
        message_count=run.message_count,
        start_time=instant(run.started_at),
    )
    if run.ended_at:
        message.end_time.FromDatetime(run.ended_at)
    return message


def state_changed(standing: Standing) -> CampaignLifecycle:
    """The fact that the campaign stands so."""
    return CampaignLifecycle(
        tenant=standing.tenant,
        project=standing.project,
        campaign=standing.id,
        state_changed=StateChanged(
            revision=standing.revision,
            state=int(standing.state),  # type: ignore[arg-type]
            queued_message_count=standing.queued,
            change_time=instant(standing.updated_at),
            final=standing.final,
        ),
    )


def run_started(
    campaign: Campaign,
    run: Run,
    *,
    lifetime: datetime.timedelta,
    email: EmailContent | None = None,
    contact_fields: Sequence[str] = (),
) -> CampaignLifecycle:
    """The fact that a run of the campaign started, with all that the others need; `email` is the campaign's with its
    template resolved."""
    definition = campaign.definition
    started = RunStarted(
        run=run.id,
        identity_run=run.id,
        channels=definition.channels,  # type: ignore[arg-type]
        start_time=instant(run.started_at),
        expire_time=instant(run.started_at + lifetime),
        unknown_policy=definition.unknown_policy,  # type: ignore[arg-type]
        contact_fields=contact_fields,
    )
    if definition.audience is not None:
        started.audience.CopyFrom(audience_to(definition.audience, campaign.project))
    if definition.content is not None:
        started.push_content.CopyFrom(content_to(with_utm(definition.content, definition.utm)))
    if email is not None and EMAIL in definition.channels:
        started.email_content.CopyFrom(email_to(email, campaign.project))
    if definition.http is not None and HTTP in definition.channels:
        started.http_content.CopyFrom(http_to(definition.http, campaign.project))
    return CampaignLifecycle(
        tenant=campaign.tenant, project=campaign.project, campaign=campaign.id, run_started=started
    )


def retry_started(
    first: CampaignLifecycle, run: Run, retry_of: RetryOf, *, lifetime: datetime.timedelta
) -> CampaignLifecycle:
    """The fact that a run started which sends messages of earlier ones again: with the content of the campaign's first
    run and under its messages' identities."""
    fact = CampaignLifecycle()
    fact.CopyFrom(first)
    started = fact.run_started
    started.run = run.id
    started.start_time.CopyFrom(instant(run.started_at))
    started.expire_time.CopyFrom(instant(run.started_at + lifetime))
    started.ClearField("audience")
    started.retry_of.CopyFrom(retry_of)
    return fact
