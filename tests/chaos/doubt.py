"""Owns how many emails may be in doubt: calls that were on the wire when a process died, or that the server dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tools.client import Client
from tools.stack.stack import Stack

CONNECTIONS = 10  # of one delivery process to the account's server; one body at most is on the wire in each
DROPPED = re.compile(r'^sandbox_mail_answers_total\{code="0"\} (\d+)$', re.MULTILINE)
SPAWNED = re.compile(r"spawned: 'delivery-\d+'")


async def calls_in_doubt(stack: Stack, described: Mapping[str, Any]) -> int:
    """So many, at most, since the stack began."""
    starts = len(SPAWNED.findall((stack.layout.logs / "supervisord.log").read_text()))
    async with Client(described["sandbox"]) as sandbox:
        dropped = DROPPED.search(await sandbox.text("GET", "/metrics"))
    return CONNECTIONS * starts + int(dropped[1] if dropped else 0)
