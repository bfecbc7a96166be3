"""Owns the sample: a workspace of 10,000 people that `make run` makes once and finds again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tools.client import CallFailed, Client
from tools.providers import add_endpoint, add_mail_account, add_template
from tools.stack.files import read_json
from tools.stack.secrets import load_or_create
from tools.stack.stack import Stack
from tools.workspace import Workspace, add_people, last_part, make_token, make_workspace

PEOPLE = 10_000


async def ensure_sample(stack: Stack, *, say: Callable[[str], None]) -> dict[str, Any]:
    """What stack.json says of the sample, made anew where it is not there any more."""
    described = stack.description()
    assert described is not None, "the stack runs"
    operator_key = load_or_create(stack.layout.secrets).operator_key
    stored = described.get("sample") or read_json(stack.layout.sample)
    sample = None if stored is None else await _renewed(described, stored, operator_key)
    if sample is None:
        say(f"making a sample workspace of {PEOPLE:,} people")
        sample = await _made(described, operator_key)
    stack.set_sample(sample)
    return sample


async def _renewed(described: dict[str, Any], sample: dict[str, Any], operator_key: str) -> dict[str, Any] | None:
    """The same with a new token; None where the database does not know it, or it is from before there were emails."""
    if "email_template" not in sample:
        return None
    try:
        async with Client(described["native"], {"x-api-key": sample["api_key"]}) as native:
            await native.call("GET", f"/v1/projects/{sample['project']}")
        async with Client(described["native"], {"x-api-key": operator_key}) as operator:
            jwt = await make_token(operator, organization=f"organizations/{sample['organization']}")
    except CallFailed:
        return None
    return sample | {"jwt": jwt}


async def _made(described: dict[str, Any], operator_key: str) -> dict[str, Any]:
    workspace = await make_workspace(described, operator_key=operator_key, display_name="Sample")
    await add_people(described, workspace, PEOPLE)
    segment = await _segment(described, workspace)
    mail_account = await add_mail_account(described, workspace)
    endpoint = await add_endpoint(described, workspace)
    template = await add_template(described, workspace)
    return {
        "organization": workspace.organization,
        "project": workspace.project,
        "api_key": workspace.api_key,
        "jwt": workspace.jwt,
        "segment": segment,
        "email_account": last_part(mail_account),
        "email_template": last_part(template),
        "http_account": last_part(endpoint),
        "contacts": PEOPLE,
    }


async def _segment(described: dict[str, Any], workspace: Workspace) -> str:
    condition = {"attribute": "tags", "operator": "OPERATOR_ANY_OF", "values": ["vip"]}
    async with Client(described["native"], workspace.key_header) as native:
        segment = await native.call(
            "POST",
            f"/v1/projects/{workspace.project}/segments",
            {"displayName": "VIPs", "filter": {"condition": condition}},
        )
    return last_part(segment["name"])
