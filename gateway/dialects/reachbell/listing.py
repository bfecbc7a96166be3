"""Owns which campaigns ReachBell lists: `status`, `from`, `to`, `q`, and the pages they come in."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.campaigns.v1 import campaigns_service_pb2 as core
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb

from gateway import local_time
from gateway.dialects.reachbell.states import WORDS
from gateway.dialects.reachbell.translate import campaign_to, project_name
from services.runtime.errors import Invalid

DEFAULT_SIZE = 20
LARGEST_SIZE = 100
MOST_SKIPPED = 2**31 - 1
DATE = re.compile(r"\d{4}-\d\d-\d\d")
DAY = datetime.timedelta(days=1)
SHOWN = datetime.timedelta(milliseconds=1)  # how exactly `createdAt` is told, and so how exactly it is compared


def list_from(request: pb.ListCampaignsRequest) -> core.ListCampaignsRequest:
    """What the core is asked for. Raises Invalid or NotFound."""
    page, size = page_of(request)
    asked = core.ListCampaignsRequest(
        parent=project_name(request.project_id),
        page_size=size,
        skip=min((page - 1) * size, MOST_SKIPPED),
        states=_states(request.status),  # type: ignore[arg-type]
        query=request.q,
    )
    bound(asked, since=getattr(request, "from"), until=request.to)
    return asked


def page_of(request: pb.ListCampaignsRequest) -> tuple[int, int]:
    """(which page, how many campaigns it has)."""
    page = request.page if request.HasField("page") else 1
    size = request.page_size if request.HasField("page_size") else DEFAULT_SIZE
    if page < 1:
        raise Invalid("PAGE_INVALID", "Pages are counted from 1.", field="page")
    if size < 1:
        raise Invalid("PAGE_SIZE_INVALID", "A page has at least one item.", field="pageSize")
    return page, min(size, LARGEST_SIZE)


def _states(word: str) -> Sequence[int]:
    """The core's states behind ReachBell's word; none, which is any, where there is no word."""
    states = [state for state, known in WORDS.items() if known == word]
    if word and not states:
        known_words = ", ".join(dict.fromkeys(WORDS.values()))
        raise Invalid("STATUS_UNKNOWN", f"A status is one of {known_words}.", field="status")
    return states


def bound(asked: core.ListCampaignsRequest, *, since: str, until: str) -> None:
    """Ask only for campaigns that were made between the two, both included. Raises Invalid."""
    if since:
        asked.created_from.FromDatetime(_read(since, field="from")[0])
    if until:
        begin, length = _read(until, field="to")
        try:
            asked.created_before.FromDatetime(begin + length)
        except OverflowError:
            pass  # until the end of time


def _read(text: str, *, field: str) -> tuple[datetime.datetime, datetime.timedelta]:
    """(the beginning of what is written, how long it lasts): a day in UTC, or an instant as exact as we show one."""
    is_date = DATE.fullmatch(text) is not None
    instant = local_time.read_instant(text + "T00:00" if is_date else text, datetime.UTC)
    if instant is None:
        raise Invalid("TIME_INVALID", "This is no date and no instant.", field=field)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000), DAY if is_date else SHOWN


def list_to(
    request: pb.ListCampaignsRequest, found: core.ListCampaignsResponse, numbers: Sequence[CampaignStats]
) -> pb.ListCampaignsResponse:
    """The page."""
    page, size = page_of(request)
    return pb.ListCampaignsResponse(
        items=[campaign_to(campaign, stats) for campaign, stats in zip(found.campaigns, numbers, strict=True)],
        page=page,
        page_size=size,
        total=found.total_size,
    )
