"""An Idempotency-Key on every POST of every API: one effect, the same bytes, another body refused.

The POSTs come from the descriptors: a new one fails here until it has a case.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from gateway.apis import BY_NAME
from gateway.routes import Route
from services.runtime import ids
from tests.dialects.reachbell.raw_http import RawAnswer, ask
from tests.dialects.reachbell.requests import ACCOUNT, CONTACT, PROJECT, REQUESTS, SENT, Request
from tests.dialects.reachbell.spelling import spell
from tests.dialects.reachbell.world import World, make_ready, make_world
from tests.e2e.books import push, wait_until_ended
from tests.stacks import Running
from tools.client import Client
from tools.workspace import Workspace, add_people

POSTS: Mapping[str, tuple[str, Route]] = {
    f"{api} {route.method.name}": (api, route)
    for api in REQUESTS
    for route in BY_NAME[api].routes()
    if route.verb == "POST"
}
AT_ONCE = 5
MANY = 4_000  # people, so that a campaign can be held while it is sent


@dataclass(frozen=True)
class Case:
    """A request, another one, and the table that has a row more after the first; none where nothing is made."""

    request: Request
    other: Request
    makes: str | None = None
    credential: str = "key"


def _named(name: str, other: str | None = None) -> Case:
    return Case({"name": name}, {"name": other or name.replace(PROJECT, "projects/-")})


EVERYBODY: Request = {"filter": {}}
LAUNCH: Request = {"display_name": "x", "channels": ["CHANNEL_PUSH"], "push_content": {"title": "x"}}
COUNTED: Request = {"parent": PROJECT, "audience": EVERYBODY, "channels": ["CHANNEL_PUSH"]}
SUPPRESSED: Request = {"name": CONTACT, "channels": ["CHANNEL_PUSH"]}
RUNNING = PROJECT + "/campaigns/{running}"
DRAFT = PROJECT + "/campaigns/{ready}"
ENDED = PROJECT + "/campaigns/{ended}"

CASES: Mapping[str, Case] = {
    "native CreateOrganization": Case(
        {"organization": {"display_name": "x"}},
        {"organization": {"display_name": "y"}},
        makes="accounts.organization",
        credential="operator",
    ),
    "native CreateProject": Case(
        {"project": {"display_name": "x"}}, {"project": {"display_name": "y"}}, makes="accounts.project"
    ),
    "native CreateApiKey": Case(
        {"api_key": {"display_name": "x"}}, {"api_key": {"display_name": "y"}}, makes="accounts.api_key"
    ),
    "native RevokeApiKey": _named("apiKeys/{api_key}", "apiKeys/{their_api_key}"),
    "native CreateToken": Case({"subject": "x"}, {"subject": "y"}),
    "native CreateCampaign": Case(
        {"parent": PROJECT, "campaign": LAUNCH},
        {"parent": PROJECT, "campaign": {**LAUNCH, "display_name": "y"}},
        makes="campaigns.campaign",
    ),
    "native ArchiveCampaign": _named(SENT),
    "native ResendCampaign": Case({"name": SENT}, {"name": SENT, "audience": EVERYBODY}, makes="campaigns.campaign"),
    "native StartCampaign": Case({"name": DRAFT}, {"name": DRAFT, "audience": EVERYBODY}, makes="campaigns.run"),
    "native PauseCampaign": _named(RUNNING),
    "native ResumeCampaign": _named(RUNNING),
    "native CancelCampaign": _named(DRAFT),
    "native BatchUpsertContacts": Case(
        {"parent": PROJECT, "contacts": [{"external_id": "new"}]},
        {"parent": PROJECT, "contacts": [{"external_id": "newer"}]},
        makes="segments.contact",
    ),
    "native CreateSegment": Case(
        {"parent": PROJECT, "segment": {"display_name": "x"}},
        {"parent": PROJECT, "segment": {"display_name": "y"}},
        makes="segments.segment",
    ),
    "native RetryMessages": Case(
        {"name": ENDED, "states": ["MESSAGE_STATE_FAILED"]},
        {"name": ENDED, "states": ["MESSAGE_STATE_UNKNOWN"]},
        makes="campaigns.run",
    ),
    "native CreateTemplate": Case(
        {"parent": PROJECT, "template": {"display_name": "x", "subject": "x", "text": "x"}},
        {"parent": PROJECT, "template": {"display_name": "y", "subject": "x", "text": "x"}},
        makes="campaigns.template",
    ),
    "native CountAudience": Case(COUNTED, {**COUNTED, "parent": "projects/{their_project}"}),
    "native SuppressContact": Case(SUPPRESSED, {**SUPPRESSED, "reason": "ASKED"}),
    "native UnsuppressContact": Case(SUPPRESSED, {**SUPPRESSED, "channels": ["CHANNEL_PUSH", "CHANNEL_EMAIL"]}),
    "native CreateProviderAccount": Case(
        {"parent": PROJECT, "provider_account": {"display_name": "x", "http": {"url": "https://example.com/"}}},
        {"parent": PROJECT, "provider_account": {"display_name": "y", "http": {"url": "https://example.com/"}}},
        makes="delivery.provider_account",
    ),
    "native TestProviderAccount": _named(ACCOUNT),
    "reachbell CreateCampaign": Case(
        {"name": "x", "projectId": "{project}"}, {"name": "y", "projectId": "{project}"}, makes="campaigns.campaign"
    ),
    "reachbell SendCampaign": Case(
        {"id": "{sent}"}, {"id": "{sent}", "segment": {"filters": {}}}, makes="campaigns.campaign"
    ),
}
# What is told once → where its answer is kept, and the secret in it.
SHOWN_ONCE: Mapping[str, Callable[[Any], tuple[str, str]]] = {
    "native CreateApiKey": lambda told: ("accounts", told["secret"]),
    "native CreateToken": lambda told: ("accounts", told["token"]),
    "native CreateProviderAccount": lambda told: ("delivery", told["http"]["signingSecret"]),
}
# What is not repeated because the state forbids it, or because it changes nothing the second time.
REPEATED_WITHOUT_A_KEY = {operation for operation, case in CASES.items() if case.makes not in (None, "campaigns.run")}
REPEATED_WITHOUT_A_KEY -= {"native BatchUpsertContacts"}


@pytest.fixture(scope="module")
def world(stack: Running) -> World:
    return {**asyncio.run(make_world(stack, everything=True)), "operator": stack.operator_key}


async def _fresh(stack: Running, world: World, operation: str) -> World:
    """The world with a draft that lacks nothing and, where the operation holds one, a campaign that is being sent."""
    ready = await make_ready(stack, world)
    if operation == "native RetryMessages":
        async with Client(stack.described["dialects"]["reachbell"], {"x-api-key": world["key"]}) as reachbell:
            ended = (await reachbell.call("POST", f"/campaigns/{world['sent']}/send"))["id"]
            await wait_until_ended(reachbell, ended, seconds=30)
        return {**world, "ended": ended}
    if operation not in ("native PauseCampaign", "native ResumeCampaign"):
        return {**world, "ready": ready}
    workspace = Workspace(world["organization"], world["project"], world["key"], world["jwt"])
    await add_people(stack.described, workspace, MANY, name="many")
    async with Client(stack.described["dialects"]["reachbell"], workspace.key_header) as reachbell:
        running = (await reachbell.call("POST", "/campaigns", push(workspace)))["id"]
    if operation == "native ResumeCampaign":
        async with Client(stack.described["native"], workspace.key_header) as native:
            await native.call("POST", f"/v1/projects/{workspace.project}/campaigns/{running}:pause", {})
    return {**world, "ready": ready, "running": running}


def _post(
    stack: Running, operation: str, request: Request, world: World, *, key: str | None, credential: str
) -> RawAnswer:
    api, route = POSTS[operation]
    url = stack.described["native"] if api == "native" else stack.described["dialects"][api]
    text = re.sub(r"\{(\w+)\}", lambda match: world[match[1]], json.dumps(request))
    verb, target, body = spell(route.method, json.loads(text))
    headers = {"content-type": "application/json", "x-api-key": world[credential]}
    return ask(url, verb, target, headers=headers | ({"idempotency-key": key} if key else {}), body=body)


async def _rows(stack: Running, table: str | None) -> int:
    if table is None:
        return 0
    connection = await asyncpg.connect(stack.described["postgres"])
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()


def test_every_post_has_a_case() -> None:
    assert CASES.keys() == POSTS.keys()


@pytest.mark.parametrize("operation", CASES)
async def test_a_key_has_one_effect_and_one_answer(stack: Running, world: World, operation: str) -> None:
    case, key = CASES[operation], ids.new_id().hex()
    fresh = await _fresh(stack, world, operation)

    def post(request: Request, key: str | None = None) -> Any:
        return asyncio.to_thread(_post, stack, operation, request, fresh, key=key, credential=case.credential)

    before = await _rows(stack, case.makes)
    answers = await asyncio.gather(*(post(case.request, key) for _ in range(AT_ONCE)))
    late = await post(case.request, key)
    other = await post(case.other, key)
    made = await _rows(stack, case.makes) - before

    assert late.status in (200, 201), late
    assert {(answer.status, answer.body) for answer in answers} == {(late.status, late.body)}
    assert made == (0 if case.makes is None else 1)
    assert (other.status, _reason(other)) == (409, "IDEMPOTENCY_KEY_REUSED")
    if operation in REPEATED_WITHOUT_A_KEY:
        assert (await post(case.request)).body != late.body, "without a key it is done again"


@pytest.mark.parametrize("operation", SHOWN_ONCE)
async def test_what_is_shown_once_is_not_stored_in_clear(stack: Running, world: World, operation: str) -> None:
    answer = _post(stack, operation, CASES[operation].request, world, key=f"sealed {operation}", credential="key")

    schema, told = SHOWN_ONCE[operation](answer.json)
    connection = await asyncpg.connect(stack.described["postgres"])
    try:
        kept = await connection.fetch(f"SELECT key, answer FROM {schema}.idempotency")
    finally:
        await connection.close()
    assert f"sealed {operation}" in [row["key"] for row in kept]
    assert not [row for row in kept if told.encode() in row["answer"]]


async def test_a_credential_that_may_do_less_is_not_given_the_answer(stack: Running, world: World) -> None:
    operation, key = "native CreateApiKey", "whole"
    made = _post(stack, operation, CASES[operation].request, world, key=key, credential="key")

    limited = _post(stack, operation, CASES[operation].request, world, key=key, credential="limited")

    assert (made.status, limited.status) == (200, 409)
    assert made.json["secret"] not in limited.body.decode()


@pytest.mark.parametrize("key", ["", "é", "k" * 256])
async def test_what_is_no_key_is_refused(stack: Running, world: World, key: str) -> None:
    operation = "native CreateProject"
    api, route = POSTS[operation]
    verb, target, body = spell(route.method, CASES[operation].request)
    headers = {"content-type": "application/json", "x-api-key": world["key"], "idempotency-key": key}

    answer = ask(stack.described[api], verb, target, headers=headers, body=body)

    assert (answer.status, _reason(answer)) == (400, "IDEMPOTENCY_KEY_INVALID")


def _reason(answer: RawAnswer) -> str:
    error = answer.json["error"]
    if isinstance(error["code"], str):
        return error["code"].upper()
    return str(next(detail["reason"] for detail in error["details"] if "reason" in detail))
