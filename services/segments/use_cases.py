"""Owns what callers and events may ask of this service, one function each.

Never knows gRPC. A caller's tenant comes in as an argument, and every statement is of that tenant.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle, RunStarted
from carillon.segments.v1.filter_pb2 import Filter as FilterMessage

from services import names
from services.field_names import field_name
from services.runtime import ids
from services.runtime.database import Transaction
from services.runtime.errors import DomainError, Invalid, NotFound
from services.segments import audience_repository as audiences
from services.segments import contact_repository as contacts
from services.segments import repository
from services.segments.domain import filters
from services.segments.domain.audience import Audience, AudienceState
from services.segments.domain.contacts import MAX_ATTRIBUTE_KEY
from services.segments.domain.filters import Filter
from services.segments.filter_messages import read_filter
from services.segments.messages import publish_totals
from services.segments.non_openers import NonOpeners
from services.segments.walk_sql import CHANNELS

MAX_FIELDS = 100


async def check_filter(tx: Transaction, tenant: bytes, project: bytes, tree: Filter, path: str) -> None:
    """Invalid unless the filter is acceptable and every attribute in it is known in the project."""
    filters.check(tree, path)
    known = await contacts.known_attributes(tx, tenant, project, sorted(filters.custom_attributes(tree)))
    filters.require_known(tree, known, path)


def check_channels(channels: Sequence[int], path: str) -> None:
    """Invalid unless there is at least one way, and all of them are ways that this service can resolve."""
    if not channels:
        raise Invalid("CHANNELS_REQUIRED", "Name at least one channel.", field=path)
    for index, channel in enumerate(channels):
        if channel not in CHANNELS:
            raise Invalid("CHANNEL_INVALID", "There is no such channel.", field=f"{path}[{index}]")


async def create_segment(
    tx: Transaction, *, tenant: bytes, project: bytes, display_name: str, tree: FilterMessage
) -> repository.SegmentRow:
    """Save a filter under a name."""
    if not 1 <= len(display_name) <= 200 or "\0" in display_name:
        raise Invalid("DISPLAY_NAME_INVALID", "A name is 1 to 200 characters.", field="segment.display_name")
    await check_filter(tx, tenant, project, read_filter(tree, "segment.filter"), "segment.filter")
    return await repository.insert_segment(
        tx,
        tenant=tenant,
        project=project,
        segment_id=ids.new_id(),
        display_name=display_name,
        tree=tree.SerializeToString(),
    )


async def segment_filter(tx: Transaction, tenant: bytes, project: bytes, name: str, path: str) -> FilterMessage:
    """The filter of the segment of that name in this project, as it is now."""
    named_project, segment = names.split(name, "projects", "segments", field=path)
    assert segment is not None
    row = await repository.find_segment(tx, tenant, project, segment)
    if row is None or named_project not in (None, project):
        raise NotFound("SEGMENT_NOT_FOUND", "There is no such segment.", field=path)
    return FilterMessage.FromString(row.filter)


async def count_audience(
    tx: Transaction,
    *,
    tenant: bytes,
    project: bytes,
    tree: Filter,
    channels: Sequence[int],
    fields: Sequence[str],
    non_openers: NonOpeners,
) -> tuple[contacts.Reach, Mapping[str, Sequence[str]]]:
    """How far the channels reach into a filter that is acceptable; and the attributes that each field may be."""
    await check_filter(tx, tenant, project, tree, "audience.filter")
    await non_openers.put_beside(tx, tenant=tenant, tree=tree)
    attributes = await contacts.attributes_of(tx, tenant, project, fields)
    reach = await contacts.count_reachable(tx, tenant, project, tree, channels=channels, fields=attributes)
    return reach, attributes


def check_fields(fields: Sequence[str], path: str) -> list[str]:
    """The fields in snake_case, each once; Invalid where one cannot be any contact's."""
    if len(fields) > MAX_FIELDS:
        raise Invalid("TOO_MANY_FIELDS", f"At most {MAX_FIELDS} fields of contacts.", field=path)
    for index, field in enumerate(fields):
        if not 1 <= len(field) <= MAX_ATTRIBUTE_KEY or "\0" in field:
            message = f"A field's name has 1 to {MAX_ATTRIBUTE_KEY} characters."
            raise Invalid("FIELD_NAME_INVALID", message, field=f"{path}[{index}]")
    return list(dict.fromkeys(field_name(field) for field in fields))


async def start_run(tx: Transaction, fact: CampaignLifecycle) -> None:
    """Keep what the run's audience is, as of now, for the freezer to walk; once, however often it is told."""
    stopped = await audiences.meet_campaign(
        tx, tenant=fact.tenant, campaign=fact.campaign, stopped=False, end_time=None
    )
    tree, failure_reason = await _resolve_filter(tx, fact, fact.run_started)
    audience = Audience(
        tenant=fact.tenant,
        project=fact.project,
        campaign=fact.campaign,
        run=fact.run_started.run,
        filter=tree,
        state=_first_state(stopped=stopped, failed=bool(failure_reason)),
        batch_count=0,
        message_count=0,
        contact_count=0,
        last_contact=b"",
        last_channel=0,
        last_endpoint=b"",
        failure_reason=failure_reason,
    )
    stored = await audiences.insert(tx, audience, fact.SerializeToString())
    if stored is None:
        return
    if stored.state is AudienceState.RESOLVING:
        await audiences.wake_freezer(tx)
    else:
        await publish_totals(tx, stored)


def _first_state(*, stopped: bool, failed: bool) -> AudienceState:
    if stopped:
        return AudienceState.STOPPED
    return AudienceState.COMPLETE if failed else AudienceState.RESOLVING


async def _resolve_filter(tx: Transaction, fact: CampaignLifecycle, run: RunStarted) -> tuple[bytes, str]:
    """The filter, serialized, and why nobody can be resolved. It was checked at launch; a segment may be gone since.
    A retry has none: it is for people of an earlier audience."""
    if run.HasField("retry_of"):
        return b"", ""
    try:
        check_channels(run.channels, "channels")
        kind = run.audience.WhichOneof("kind")
        if kind is None:
            raise Invalid("AUDIENCE_REQUIRED", "Say whom it is for.", field="audience")
        message = run.audience.filter
        if kind == "segment":
            message = await segment_filter(tx, fact.tenant, fact.project, run.audience.segment, "audience.segment")
        await check_filter(tx, fact.tenant, fact.project, read_filter(message, "audience.filter"), "audience.filter")
    except DomainError as error:
        return b"", error.reason
    return message.SerializeToString(), ""


async def end_campaign(
    tx: Transaction, *, tenant: bytes, campaign: bytes, stopped: bool, end_time: datetime.datetime
) -> None:
    """Note the campaign's end; where it was stopped, what is frozen of its audiences so far is all there will be."""
    await audiences.meet_campaign(tx, tenant=tenant, campaign=campaign, stopped=stopped, end_time=end_time)
    if not stopped:
        return
    for audience in await audiences.stop(tx, campaign):
        await publish_totals(tx, audience)
