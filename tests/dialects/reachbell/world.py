"""Owns two organizations to try things between: ours, with a campaign in each state, and another; and things that
never were. Its things are known by name.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping

import jwt

from services.runtime import ids
from tests.e2e.books import push, wait_until_ended
from tests.stacks import Running
from tools.client import Client
from tools.workspace import Workspace, add_people, last_part, make_workspace

PEOPLE = 3
LATER = {"mode": "scheduled", "sendAt": "2099-06-15T14:00:00Z"}
World = Mapping[str, str]


async def make_world(stack: Running, *, everything: bool = False) -> World:
    """What campaigns need, by name; with `everything` also what only the native API has names for."""
    ours = await _workspace(stack)
    theirs = await _workspace(stack)
    campaigns, their_campaign = await _campaigns(stack, ours), (await _campaigns(stack, theirs))["sent"]
    more: dict[str, str] = {}
    if everything:
        more |= await _the_rest(stack, theirs, their_campaign, prefix="their_")
        more |= await _the_rest(stack, ours, campaigns["sent"], prefix="")
    return {
        **more,
        **campaigns,
        **await _credentials(stack, ours),
        "organization": ours.organization,
        "project": ours.project,
        "key": ours.api_key,
        "jwt": ours.jwt,
        "segment": await make_segment(stack, ours),
        "their_organization": theirs.organization,
        "their_project": theirs.project,
        "their_campaign": their_campaign,
        "their_segment": await make_segment(stack, theirs),
        **{f"no_{name}": ids.spell(prefix, ids.new_id()) for name, prefix in PREFIXES.items()},
    }


PREFIXES = {"organization": "org", "project": "proj", "campaign": "cmp", "segment": "seg"}


async def _workspace(stack: Running) -> Workspace:
    workspace = await make_workspace(stack.described, operator_key=stack.operator_key, display_name="World")
    await add_people(stack.described, workspace, PEOPLE)
    return workspace


async def make_segment(stack: Running, workspace: Workspace) -> str:
    """A saved segment of everybody."""
    async with Client(stack.described["native"], workspace.key_header) as native:
        path = f"/v1/projects/{workspace.project}/segments"
        return last_part((await native.call("POST", path, {"displayName": "All"}))["name"])


async def _campaigns(stack: Running, workspace: Workspace) -> World:
    async with Client(stack.described["dialects"]["reachbell"], workspace.key_header) as reachbell:
        sent = (await reachbell.call("POST", "/campaigns", push(workspace)))["id"]
        scheduled = await reachbell.call("POST", "/campaigns", push(workspace) | {"schedule": LATER})
        draft = await reachbell.call("POST", "/campaigns", {"name": "Draft", "projectId": workspace.project})
        cancelled = await reachbell.call("POST", "/campaigns", {"name": "No", "projectId": workspace.project})
        async with Client(stack.described["native"], workspace.key_header) as native:
            name = f"/v1/projects/{workspace.project}/campaigns/{cancelled['id']}"
            await native.call("POST", f"{name}:cancel", {})
        await wait_until_ended(reachbell, sent, seconds=30)
    return {"sent": sent, "scheduled": scheduled["id"], "draft": draft["id"], "cancelled": cancelled["id"]}


async def _credentials(stack: Running, workspace: Workspace) -> World:
    async with Client(stack.described["native"], workspace.key_header) as native:
        other = (await native.call("POST", "/v1/projects", {"displayName": "Other"}))["name"]
        limited = await native.call("POST", "/v1/apiKeys", {"displayName": "Limited", "projects": [other]})
        revoked = await native.call("POST", "/v1/apiKeys", {"displayName": "Revoked"})
        await native.call("POST", f"/v1/{revoked['name']}:revoke", {})
        expired = (await native.call("POST", "/v1/tokens", {"subject": "ann", "ttl": "1s"}))["token"]
    await asyncio.sleep(2)  # until it has
    claims = jwt.decode(workspace.jwt, options={"verify_signature": False})
    _, body, _ = workspace.jwt.split(".")
    return {
        "limited": limited["secret"],
        "revoked": revoked["secret"],
        "unsigned": f"{_part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        "expired": expired,
        "stranger": jwt.encode({**claims, "iss": "https://stranger.example"}, "s" * 32, algorithm="HS256"),
        "endless": jwt.encode({key: claims[key] for key in claims if key != "exp"}, "s" * 32, algorithm="HS256"),
    }


async def make_ready(stack: Running, world: World) -> str:
    """A draft of ours that lacks nothing."""
    async with Client(stack.described["dialects"]["reachbell"], {"x-api-key": world["key"]}) as reachbell:
        body = {"name": "Ready", "projectId": world["project"], "content": {"title": "x"}, "segment": {"filters": {}}}
        draft: str = (await reachbell.call("POST", "/campaigns", body))["id"]
        return draft


async def _the_rest(stack: Running, workspace: Workspace, sent: str, *, prefix: str) -> World:
    """A key, a contact with a browser, the campaign's run, provider accounts, a template."""
    async with Client(stack.described["sandbox"]) as sandbox:
        (browser,) = [line async for line in sandbox.lines("POST", "/subscriptions", count="1")]
    subscription = {"endpoint": browser["endpoint"], **browser["keys"]}
    contacts = {"contacts": [{"externalId": "somebody", "pushSubscriptions": [subscription]}]}
    async with Client(stack.described["native"], workspace.key_header) as native:
        project = f"/v1/projects/{workspace.project}"
        key = await native.call("POST", "/v1/apiKeys", {"displayName": "Spare"})
        (contact,) = (await native.call("POST", f"{project}/contacts:batchUpsert", contacts))["names"]
        (known,) = (await native.call("GET", f"/v1/{contact}"))["pushSubscriptions"]
        (run,) = (await native.call("GET", f"{project}/campaigns/{sent}/runs"))["runs"]
        smtp = {"displayName": "Mail", "smtp": {"host": "smtp.example.com"}}
        account = await native.call("POST", f"{project}/providerAccounts", smtp)
        http = {"displayName": "Own", "http": {"url": "https://example.com/messages"}}
        endpoint = await native.call("POST", f"{project}/providerAccounts", http)
        words = {"displayName": "Welcome", "subject": "Hello", "text": "Hello"}
        template = await native.call("POST", f"{project}/templates", words)
    return {
        f"{prefix}api_key": last_part(key["name"]),
        f"{prefix}contact": last_part(contact),
        f"{prefix}subscription": last_part(known["name"]),
        f"{prefix}run": last_part(run["name"]),
        f"{prefix}account": last_part(account["name"]),
        f"{prefix}endpoint_account": last_part(endpoint["name"]),
        f"{prefix}template": last_part(template["name"]),
        **subscription,
    }


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
