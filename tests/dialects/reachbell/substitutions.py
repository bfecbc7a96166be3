"""Owns the one table of what a documented example has that no installation can have: ids, host, credential, counts that
depend on data, and instants already past. Nothing else of an example is ever changed.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.stacks import Running
from tools.workspace import Workspace

EXAMPLES = Path(__file__).parent / "examples"

# What the document says → what stands for it; the values are names of `facts`.
TABLE: Mapping[str, str] = {
    "https://api.reachbell.com": "host",
    "rb_live_yourkey": "credential",
    "eyJ...": "token",
    "org_01HX1...": "organization",
    "proj_01HX2...": "project",
    "cmp_01HX5...": "campaign",
    "14823": "queued",
    "9211": "sent",
    "412": "clicked",
    "18": "failed",
    "2026-06-12T09:00:00.000Z": "created",
    "2026-06-15T14:00:00.000Z": "coming",
    "2026-06-30": "today",
}
# Read as they stand in these examples only: elsewhere the digits could be part of something else.
COUNTS = ("14823", "9211", "412", "18")
WITH_COUNTS = ("create_answer.json", "event.json")


def facts(stack: Running, workspace: Workspace, **more: Any) -> Mapping[str, str]:
    """What this installation has instead."""
    now = datetime.datetime.now(datetime.UTC)
    known = {
        "host": stack.described["dialects"]["reachbell"],
        "credential": workspace.api_key,
        "token": workspace.jwt,
        "organization": workspace.organization,
        "project": workspace.project,
        "coming": (now + datetime.timedelta(days=30)).strftime("%Y-%m-%dT14:00:00.000Z"),
        "today": now.strftime("%Y-%m-%d"),
    }
    return known | {name: str(value) for name, value in more.items()}


def example(file: str, known: Mapping[str, str]) -> str:
    """The example with everything of the table that is known put in its place."""
    text = (EXAMPLES / file).read_text()
    for documented, name in TABLE.items():
        if name in known and (documented not in COUNTS or file in WITH_COUNTS):
            text = text.replace(documented, known[name])
    return text
