"""Owns how many calls may be in doubt: those that were on the wire when a process died, or that a provider dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.chaos.ways import Way
from tools.client import Client
from tools.stack.stack import Stack

# Of one delivery process to one provider (DeliverySettings, SmtpAccount), each with one message on the wire at most.
# Calls of an endpoint of the user's own are not counted: they have keys, so that asking again is harmless.
CONNECTIONS = {"push": 32, "email": 10}
DROPPED = {
    "push": re.compile(r'^sandbox_push_answers_total\{status="0"\} (\d+)$', re.MULTILINE),
    "email": re.compile(r'^sandbox_mail_answers_total\{code="0"\} (\d+)$', re.MULTILINE),
}
SPAWNED = re.compile(r"spawned: 'delivery-\d+'")


async def calls_in_doubt(stack: Stack, described: Mapping[str, Any], way: Way) -> int:
    """So many, at most, since the stack began."""
    starts = len(SPAWNED.findall((stack.layout.logs / "supervisord.log").read_text()))
    async with Client(described["sandbox"]) as sandbox:
        text = await sandbox.text("GET", "/metrics")
    channels = [channel for channel in way.value if channel in CONNECTIONS]
    dropped = [DROPPED[channel].search(text) for channel in channels]
    return sum(CONNECTIONS[channel] * starts for channel in channels) + sum(int(found[1]) for found in dropped if found)
