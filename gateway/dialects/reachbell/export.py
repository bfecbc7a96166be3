"""Owns ReachBell's CSV (RFC 4180): its columns, its file's name, and cells that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.campaigns.v1.campaigns_pb2 import Campaign
from carillon.campaigns.v1.campaigns_service_pb2 import ListCampaignsRequest
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb

from gateway.dialects.reachbell.listing import bound
from gateway.dialects.reachbell.translate import campaign_to, project_name

SUFFIX = ".csv"
PAGE = 500  # campaigns that are in memory at once
CONTENT_TYPE = "text/csv; charset=utf-8"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of one

COLUMNS = ("id", "name", "status", "sendAt", "createdAt", "updatedAt")
COUNTS = ("queued", "sent", "delivered", "clicked", "dismissed", "failed")
RATES = ("ctr", "deliveryRate")

# Shorter than a row, so that whatever reads the file stumbles over it: the status was told long before.
BROKEN_OFF = b"INCOMPLETE: the export was interrupted; repeat it.\r\n"


def list_from(request: pb.ExportCampaignsRequest) -> ListCampaignsRequest:
    """What the core is asked for, page by page. Raises Invalid or NotFound."""
    project_id = request.file.removesuffix(SUFFIX) if request.file.endswith(SUFFIX) else ""
    asked = ListCampaignsRequest(parent=project_name(project_id), page_size=PAGE, skip_total_size=True)
    bound(asked, since=getattr(request, "from"), until=request.to)
    return asked


def disposition(asked: ListCampaignsRequest) -> str:
    """The answer's Content-Disposition (RFC 6266); nothing in it is the caller's text."""
    return f'attachment; filename="campaigns-{asked.parent.rpartition("/")[2]}{SUFFIX}"'


def head() -> bytes:
    """The first row."""
    return _rows([[*COLUMNS, *COUNTS, *RATES]])


def rows(campaigns: Sequence[Campaign], numbers: Sequence[CampaignStats]) -> bytes:
    """One row for each campaign."""
    return _rows([_row(campaign_to(*pair)) for pair in zip(campaigns, numbers, strict=True)])


def _row(campaign: pb.Campaign) -> list[str]:
    stats = campaign.stats
    return [
        campaign.id,
        campaign.name,
        campaign.status,
        campaign.schedule.send_at,
        campaign.created_at,
        campaign.updated_at,
        *(str(getattr(stats, count)) for count in COUNTS),
        f"{stats.ctr:.4f}",
        f"{stats.delivery_rate:.4f}",
    ]


def _rows(cells: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[defused(cell) for cell in row] for row in cells])
    return text.getvalue().encode()


def defused(cell: str) -> str:
    """The cell, with an apostrophe before it where a spreadsheet would run it."""
    return "'" + cell if cell.startswith(FORMULA) else cell
