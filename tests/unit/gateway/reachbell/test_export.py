"""ReachBell's CSV."""

from __future__ import annotations

import csv
import io

import pytest
from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.campaigns.v1.campaigns_pb2 import Campaign
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb

from gateway.dialects.reachbell import export
from services.runtime.errors import NotFound
from tests.unit.gateway.builders import CAMPAIGN_ID, PROJECT_ID


def campaign(name: str) -> Campaign:
    return Campaign(
        name=f"projects/{PROJECT_ID}/campaigns/{CAMPAIGN_ID}",
        display_name=name,
        state=Campaign.STATE_COMPLETED,
        queued_message_count=10,
    )


@pytest.mark.parametrize("name", ['a, "b"', "two\r\nlines", "ünïcödé 😀", "plain", "a=b", " =1"])
def test_a_reader_of_rfc_4180_reads_what_was_written(name: str) -> None:
    text = export.head() + export.rows([campaign(name)], [CampaignStats(sent=9, delivered=9, clicked=3, failed=1)])

    (row,) = csv.DictReader(io.StringIO(text.decode(), newline=""))
    assert (row["name"], row["id"], row["status"]) == (name, CAMPAIGN_ID, "sent")
    assert [row[column] for column in (*export.COUNTS, *export.RATES)] == [
        *("10", "9", "9", "3", "0", "1"),
        *("0.3333", "0.9000"),
    ]
    assert text.count(b"\r\n") == 2 + name.count("\r\n")


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_a_formula_is_defused(begin: str) -> None:
    text = export.rows([campaign(begin + "1+1")], [CampaignStats()])

    (row,) = csv.reader(io.StringIO(text.decode(), newline=""))
    assert row[1] == "'" + begin + "1+1"


def test_every_number_of_the_stats_has_a_column() -> None:
    assert [*export.COUNTS, *export.RATES] == [field.json_name for field in pb.Stats.DESCRIPTOR.fields]


@pytest.mark.parametrize("file", [PROJECT_ID, f"{PROJECT_ID}.CSV", ".csv", f"{PROJECT_ID}.csv.csv", "x.csv"])
def test_any_other_file_is_not_there(file: str) -> None:
    with pytest.raises(NotFound):
        export.list_from(pb.ExportCampaignsRequest(file=file))


def test_the_files_name_is_ours() -> None:
    asked = export.list_from(pb.ExportCampaignsRequest(file=f"{PROJECT_ID}.csv"))

    assert export.disposition(asked) == f'attachment; filename="campaigns-{PROJECT_ID}.csv"'


def test_the_mark_of_an_interrupted_export_is_no_row() -> None:
    (mark,) = csv.reader([export.BROKEN_OFF.decode()])

    assert len(mark) < len([*export.COLUMNS, *export.COUNTS, *export.RATES])


def test_nobody_counts_for_a_file_that_shows_no_count() -> None:
    assert export.list_from(pb.ExportCampaignsRequest(file=f"{PROJECT_ID}.csv")).skip_total_size
