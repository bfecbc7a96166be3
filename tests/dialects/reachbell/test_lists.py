"""Lists and the CSV: pages, filters, the same campaigns in both."""

from __future__ import annotations

import asyncio
import csv
import datetime
import io

import pytest

from tests.dialects.reachbell.raw_http import ask
from tests.stacks import Running
from tools.client import Client
from tools.workspace import Workspace, last_part

NAMES = ("Spring", "spring 100%", "Sommer_fest", "=SUM(A1)", "ÉTÉ")


@pytest.fixture
async def drafts(workspace: Workspace, reachbell: Client) -> list[str]:
    """Five drafts, the oldest first."""
    bodies = [{"name": name, "projectId": workspace.project} for name in NAMES]
    return [(await reachbell.call("POST", "/campaigns", body))["id"] for body in bodies]


async def test_pages_are_newest_first_and_complete(workspace: Workspace, reachbell: Client, drafts: list[str]) -> None:
    path = f"/campaigns/project/{workspace.project}"

    pages = [await reachbell.call("GET", path, page=str(page), pageSize="2") for page in (1, 2, 3, 4)]
    whole = await reachbell.call("GET", path, pageSize="1000")

    assert [item["id"] for page in pages for item in page["items"]] == drafts[::-1]
    assert [(page["page"], page["pageSize"], page["total"]) for page in pages] == [(n, 2, 5) for n in (1, 2, 3, 4)]
    assert (whole["pageSize"], len(whole["items"])) == (100, 5)


@pytest.mark.parametrize(
    ("q", "found"),
    [("SPRING", 2), ("%", 1), ("_", 1), ("été", 1), ("sum(", 1), ("pring 1", 1), ("winter", 0), ("", 5)],
)
async def test_q_is_any_part_of_the_name(
    workspace: Workspace, reachbell: Client, drafts: list[str], q: str, found: int
) -> None:
    listed = await reachbell.call("GET", f"/campaigns/project/{workspace.project}", q=q)

    assert (listed["total"], len(listed["items"])) == (found, found)


async def test_status_from_and_to_filter(workspace: Workspace, reachbell: Client, drafts: list[str]) -> None:
    path = f"/campaigns/project/{workspace.project}"
    created = [item["createdAt"] for item in (await reachbell.call("GET", path))["items"]][::-1]
    today = datetime.datetime.now(datetime.UTC).date()
    cases = {
        ("status", "draft"): 5,
        ("status", "sent"): 0,
        ("from", created[2]): 3,
        ("to", created[2]): 3,
        ("from", today.isoformat()): 5,
        ("to", today.isoformat()): 5,
        ("from", (today + datetime.timedelta(days=1)).isoformat()): 0,
        ("to", (today - datetime.timedelta(days=1)).isoformat()): 0,
    }

    for (parameter, value), wanted in cases.items():
        listed = await reachbell.call("GET", path, **{parameter: value})

        assert listed["total"] == wanted, (parameter, value)


async def test_the_csv_has_what_the_list_has(
    stack: Running, workspace: Workspace, reachbell: Client, drafts: list[str]
) -> None:
    listed = await reachbell.call("GET", f"/campaigns/project/{workspace.project}")
    since = listed["items"][1]["createdAt"]
    url, path = stack.described["dialects"]["reachbell"], f"/campaigns/export/project/{workspace.project}.csv"

    whole = await asyncio.to_thread(ask, url, "GET", path, headers=workspace.key_header)
    newest = await asyncio.to_thread(ask, url, "GET", f"{path}?from={since}", headers=workspace.key_header)

    rows = list(csv.DictReader(io.StringIO(whole.body.decode(), newline="")))
    assert [row["id"] for row in rows] == drafts[::-1]
    assert [row["name"] for row in rows] == ["ÉTÉ", "'=SUM(A1)", "Sommer_fest", "spring 100%", "Spring"]
    assert len(newest.body.decode().splitlines()) == 3


async def test_who_leaves_the_total_out_gets_the_same_pages(
    workspace: Workspace, native: Client, drafts: list[str]
) -> None:
    path, page = f"/v1/projects/{workspace.project}/campaigns", {"pageSize": "3"}

    counted = await native.call("GET", path, **page)
    first = await native.call("GET", path, skipTotalSize="true", **page)
    second = await native.call("GET", path, skipTotalSize="true", pageToken=first["nextPageToken"], **page)

    assert (counted["totalSize"], first["totalSize"], second["totalSize"]) == (5, 0, 0)
    assert first["campaigns"] == counted["campaigns"]
    assert [last_part(item["name"]) for item in first["campaigns"] + second["campaigns"]] == drafts[::-1]
    assert second["nextPageToken"] == ""
