"""Owns giving a workspace what emails and HTTP calls take: accounts that lead to the sandbox, a template.

Never reaches around the documented REST routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.client import Client, Json
from tools.workspace import Workspace

TEMPLATE: Json = {
    "displayName": "Spring sale",
    "subject": "{{ external_id }}, spring sale is live",
    "html": "<h1>Spring sale</h1>\n<p>Hello {{ external_id }}, with your {{ plan | default('free') }} plan everything"
    ' is 30% off until Sunday: <a href="https://example.com/sale">have a look</a>.</p>\n',
    "text": "Hello {{ external_id }}, with your {{ plan | default('free') }} plan everything is 30% off until Sunday:\n"
    "https://example.com/sale\n",
}


async def add_mail_account(stack: Mapping[str, Any], workspace: Workspace, **changes: Any) -> str:
    """The name of an SMTP account at the sandbox's mail server."""
    host, _, port = stack["smtp"].rpartition(":")
    smtp = {"host": host, "port": int(port), "security": "SECURITY_PLAIN"} | changes
    return await _add(stack, workspace, "providerAccounts", {"displayName": "Sandbox", "smtp": smtp})


async def add_endpoint(stack: Mapping[str, Any], workspace: Workspace, **changes: Any) -> str:
    """The name of an HTTP account at the sandbox's endpoint."""
    async with Client(stack["sandbox"]) as sandbox:
        secret = (await sandbox.call("GET", "/batches/secret"))["secret"]
    http = {"url": f"{stack['sandbox']}/batches", "signingSecret": secret} | changes
    return await _add(stack, workspace, "providerAccounts", {"displayName": "Sandbox", "http": http})


async def add_template(stack: Mapping[str, Any], workspace: Workspace, template: Json = TEMPLATE) -> str:
    """The name of a template."""
    return await _add(stack, workspace, "templates", template)


async def _add(stack: Mapping[str, Any], workspace: Workspace, collection: str, body: Json) -> str:
    async with Client(stack["native"], workspace.key_header) as native:
        made = await native.call("POST", f"/v1/projects/{workspace.project}/{collection}", body)
    return str(made["name"])
