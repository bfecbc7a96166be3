"""Owns the ways that a chaos campaign goes: what it says on each, through which account. Never starts one."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from tools.client import Client, Json
from tools.workspace import Workspace


class Way(enum.Enum):
    """The channels of one seed's campaign."""

    PUSH = ("push",)
    PUSH_AND_HTTP = ("push", "http")  # their providers honour keys, or nearly: nobody is messaged twice, none in doubt
    EMAIL = ("email",)  # no keys: nobody is messaged twice, and what is in doubt is UNKNOWN

    @property
    def connections(self) -> int:
        """Of two delivery processes, at most; each carries one call."""
        return 20 if self is Way.EMAIL else 64


async def campaign_body(described: Mapping[str, Any], workspace: Workspace, native: Client, way: Way) -> Json:
    """An immediate campaign to everybody, for the native API."""
    body: Json = {
        "displayName": "Chaos",
        "channels": [f"CHANNEL_{channel.upper()}" for channel in way.value],
        "audience": {"filter": {}},
        "schedule": {"immediate": True},
    }
    if "push" in way.value:
        body["pushContent"] = {"title": "Hello", "body": "World", "clickUrl": "https://example.com/"}
    if "http" in way.value:
        async with Client(described["sandbox"]) as sandbox:
            secret = (await sandbox.call("GET", "/batches/secret"))["secret"]
        endpoint = {"url": f"{described['sandbox']}/batches", "signingSecret": secret, "recipientsPerCall": 500}
        account = await _account(workspace, native, {"http": endpoint})
        body["httpContent"] = {"providerAccount": account, "content": '{"text": "Hello"}'}
    if "email" in way.value:
        host, _, port = described["smtp"].rpartition(":")
        server = {"host": host, "port": int(port), "security": "SECURITY_PLAIN"}
        account = await _account(workspace, native, {"smtp": server})
        body["emailContent"] = {
            "providerAccount": account,
            "fromEmail": "news@example.com",
            "subject": "Hello",
            "html": "<p>Hello from {{ country | default('here') }}</p>",
            "text": "Hello from {{ country | default('here') }}",
        }
    return body


async def _account(workspace: Workspace, native: Client, provider: Json) -> str:
    path = f"/v1/projects/{workspace.project}/providerAccounts"
    name: str = (await native.call("POST", path, {"displayName": "The sandbox", **provider}))["name"]
    return name
