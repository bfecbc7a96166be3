"""No credential ever reaches a log: every kind of them, good and bad, at every door, while all is well and while a part
is down; and every one of these requests is in Envoy's log all the same.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import grpc
import pytest
from carillon.accounts.v1.accounts_service_pb2 import ListProjectsRequest
from carillon.accounts.v1.accounts_service_pb2_grpc import AccountsServiceStub

from tests.dialects.reachbell.raw_http import ask
from tests.dialects.reachbell.world import make_world
from tests.integration.waiting import eventually
from tests.stacks import Running, own_stack, running
from tools.client import Client
from tools.stack.secrets import Secrets, load_or_create
from tools.stack.stack import Stack

WRONG_KEY = "ck_live_d3JvbmcgYXMgaXQgY2FuIGJlIHdyb25nIQ"
STALE_LINK = "c3RhbGUgbGluaywgc2lnbmVkIGJ5IG5vYm9keQ"
PASSWORD = "an smtp server's passw0rd"
STOPPED = ("campaigns", "delivery", "gateway")

PATIENCE_SECONDS = 12.0

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Request:
    """What is asked, and as what Envoy's log has to tell of it: a path without secrets, or a route."""

    door: str
    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    logged: str = ""

    @property
    def is_told_as(self) -> str:
        return self.logged or self.target.partition("?")[0]


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """A stack whose parts may be stopped."""
    with own_stack() as stack:
        yield stack


async def test_no_credential_reaches_a_log(own: Stack) -> None:
    there, secrets = running(own), load_or_create(own.layout.secrets)
    world = dict(await make_world(there, everything=True))
    links = await _links(there, world)
    requests = [*_with_keys(world, secrets), *_with_tokens(world), *_by_strangers(world, links)]

    await _ask_all(there, [*requests, *_with_too_much(world)])
    await _ask_by_grpc(there, [world["key"], WRONG_KEY, world["jwt"]])
    for part in STOPPED:
        await asyncio.to_thread(own.stop, part)
        asking = asyncio.create_task(_ask_all(there, list(_while_down(world, links))))
        await asyncio.wait([asking], timeout=PATIENCE_SECONDS)  # a stream waits until there is something to tell
        await asyncio.to_thread(own.start, part)
        await asking
    await asyncio.to_thread(own.wait_until_ready)

    told = {(request.method, request.is_told_as) for request in requests}
    await eventually(lambda: _told(own.layout.logs, told), told.__eq__, seconds=30)
    hidden = {name: secret for name, secret in _secrets(world, secrets, links).items() if len(secret) > 8}
    assert {"key", "jwt", "link 0", "operator_key", "postgres_password"} <= hidden.keys()
    assert _found(own.layout.logs, hidden) == []


async def test_what_is_in_a_path_would_be_found(own: Stack) -> None:
    there, planted = running(own), "cGxhbnRlZCBzbyB0aGF0IGl0IGlzIGZvdW5k"
    await _ask_all(there, [Request("reachbell", "GET", f"/campaigns/{planted}", {"x-api-key": WRONG_KEY})])

    async def found() -> Sequence[str]:
        return _found(own.layout.logs, {"planted": planted})

    assert await eventually(found, bool, seconds=30) == ["planted in envoy.log"]


def _with_keys(world: Mapping[str, str], secrets: Secrets) -> Iterator[Request]:
    json_type = {"content-type": "application/json"}
    keys = [world["key"], world["limited"], world["revoked"], secrets.operator_key, WRONG_KEY]
    for key in keys:
        yield Request("reachbell", "GET", f"/campaigns/{world['sent']}", {"x-api-key": key})
        yield Request("reachbell", "GET", f"/campaigns/project/{world['project']}?q=%00", {"x-api-key": key})
        yield Request("reachbell", "GET", f"/campaigns/export/project/{world['project']}.csv", {"x-api-key": key})
        yield Request("reachbell", "POST", "/campaigns", {"x-api-key": key, **json_type}, b"{")
        yield Request("reachbell", "GET", "/campaigns%2fx", {"x-api-key": key}, logged="/campaigns/x")
        yield Request("reachbell", "GET", "/campaigns", {"x-api-key": key, "authorization": f"Bearer {key}"})
        yield Request("reachbell", "GET", f"/campaigns/{world['sent']}/stream?token={key}&orgId=org_1")
        yield Request("reachbell", "GET", f"/campaigns/{world['sent']}?token={key}&x-api-key={key}", {"x-api-key": key})
        yield Request("native", "GET", "/v1/projects", {"x-api-key": key, "cookie": f"key={key}"})
        yield Request("native", "POST", "/v1/apiKeys", {"x-api-key": key, **json_type}, b'{"displayName": "x"}')
        account = {"displayName": "x", "smtp": {"host": "smtp.example.com", "username": "u", "password": PASSWORD}}
        path = f"/v1/projects/{world['project']}/providerAccounts"
        yield Request("native", "POST", path, {"x-api-key": key, **json_type}, json.dumps(account).encode())
        wrong = json.dumps({**account, "secret": PASSWORD, "smtp": {"password": [PASSWORD]}}).encode()
        yield Request("native", "POST", path, {"x-api-key": key, **json_type}, wrong)


def _with_tokens(world: Mapping[str, str]) -> Iterator[Request]:
    for name in ("jwt", "unsigned", "expired", "stranger", "endless"):
        token = world[name]
        bearer = {"authorization": f"Bearer {token}", "x-org-id": world["organization"]}
        query = f"token={token}&orgId={world['organization']}"
        yield Request("reachbell", "GET", f"/campaigns/{world['sent']}", bearer)
        yield Request("reachbell", "GET", f"/campaigns/{world['sent']}/stream?{query}")
        yield Request("reachbell", "GET", f"/campaigns/{world['sent']}/stream?{query}&token={token}")
        yield Request("reachbell", "GET", f"/campaigns/{world['sent']}/stream?orgId=org_1&token={token}")
        stream = f"/campaigns/{world['sent']}/stream"
        yield Request("reachbell", "GET", f"/campaigns//{world['sent']}/./stream?{query}", logged=stream)
        yield Request("reachbell", "GET", f"/campaigns/{world['sent']}%2fstream?{query}", logged=stream)
        yield Request("reachbell", "DELETE", f"/campaigns/{world['sent']}/stream?{query}")
        yield Request("native", "GET", f"/v1/projects?{query}", bearer)
        yield Request("native", "GET", "/v1/projects", {**bearer, "authorization": token})


def _with_too_much(world: Mapping[str, str]) -> Iterator[Request]:
    """Refused before Envoy has understood what is asked, so that there is nothing to tell of it."""
    for name in ("key", "jwt"):
        headers = {"x-api-key": world[name], "authorization": f"Bearer {world[name]}", "x-too-long": "a" * 100_000}
        yield Request("native", "GET", f"/v1/projects?token={world[name]}", headers)


def _by_strangers(world: Mapping[str, str], links: Sequence[str]) -> Iterator[Request]:
    json_type = {"content-type": "application/json"}
    for link in links:
        clicked = {"door": "public", "method": "POST", "headers": json_type, "body": b'{"event": "clicked"}'}
        yield Request(target=f"/r/{link}", logged="/r/{token}", **clicked)  # type: ignore[arg-type]
        yield Request(target=f"/r/{link}?x=1", logged="/r/{token}", **clicked)  # type: ignore[arg-type]
        yield Request(target=f"/r/{link}/more", logged="-", **clicked)  # type: ignore[arg-type]
        yield Request(target=f"/r/%2f{link}", logged="-", **clicked)  # type: ignore[arg-type]
        yield Request("public", "GET", f"/u/{link}", logged="/u/{token}")
        form = {"content-type": "application/x-www-form-urlencoded"}
        yield Request("public", "POST", f"/u/{link}", form, b"List-Unsubscribe=One-Click", logged="/u/{token}")
        yield Request("public", "DELETE", f"/u/{link}", logged="-")
    browser = {"endpoint": world["endpoint"], "keys": {"p256dh": world["p256dh"], "auth": world["auth"]}}
    for body in (browser, {**browser, "more": 1}):
        path = f"/p/{world['project']}/subscriptions"
        encoded = json.dumps(body).encode()
        yield Request("public", "POST", path, json_type, encoded, logged="/p/{project}/subscriptions")


def _while_down(world: Mapping[str, str], links: Sequence[str]) -> Iterator[Request]:
    for key in (world["key"], WRONG_KEY):
        yield Request("reachbell", "GET", f"/campaigns/project/{world['project']}", {"x-api-key": key})
        yield Request("native", "GET", f"/v1/projects/{world['project']}/campaigns", {"x-api-key": key})
    for token in (world["jwt"], world["stranger"]):
        query = f"token={token}&orgId={world['organization']}"
        bearer = {"authorization": f"Bearer {token}", "x-org-id": world["organization"]}
        yield Request("reachbell", "GET", f"/campaigns/{world['sent']}/stream?{query}")
        yield Request("native", "GET", f"/v1/projects/{world['project']}/vapidKey", bearer)
    for link in links:
        yield Request("public", "GET", f"/u/{link}")


async def _links(there: Running, world: Mapping[str, str]) -> list[str]:
    """What stands in the path of a link that a message carried, and of some that none did."""
    async with Client(there.described["sandbox"]) as sandbox:
        lines = [line async for line in sandbox.lines("POST", "/clicks", campaign=world["sent"], share="1")]
    return [lines[0]["report"].rpartition("/")[2], STALE_LINK]


async def _ask_all(there: Running, requests: Sequence[Request]) -> None:
    described = there.described
    urls = {"native": described["native"], "public": described["public"], **described["dialects"]}
    at_once = asyncio.Semaphore(16)

    async def one(request: Request) -> None:
        async with at_once:
            try:
                await asyncio.to_thread(
                    ask, urls[request.door], request.method, request.target, headers=request.headers, body=request.body
                )
            except OSError:
                pass  # too much of a head, and the connection is closed while it is written

    await asyncio.gather(*(one(request) for request in requests))


async def _ask_by_grpc(there: Running, credentials: Sequence[str]) -> None:
    async with grpc.aio.insecure_channel(there.described["grpc"]) as channel:
        for credential in credentials:
            for metadata in ({"x-api-key": credential}, {"authorization": f"Bearer {credential}"}):
                try:
                    await AccountsServiceStub(channel).ListProjects(
                        ListProjectsRequest(), metadata=list(metadata.items())
                    )
                except grpc.aio.AioRpcError:
                    pass


def _secrets(world: Mapping[str, str], secrets: Secrets, links: Sequence[str]) -> dict[str, str]:
    """All that opens something, by name."""
    credentials = ("key", "jwt", "limited", "revoked", "unsigned", "expired", "stranger", "endless", "auth")
    own = {name: value for name, value in asdict(secrets).items() if isinstance(value, str) and name != "stack_id"}
    signed = {f"signature of {name}": world[name].rpartition(".")[2] for name in ("jwt", "expired")}
    return {
        **{name: world[name] for name in credentials},
        **{f"link {number}": link for number, link in enumerate(links)},
        **own,
        **{f"{role}'s password": password for role, password in secrets.role_passwords.items()},
        **signed,
        "wrong key": WRONG_KEY,
        "password": PASSWORD,
        "password, encoded": base64.b64encode(PASSWORD.encode()).decode(),
    }


def _found(logs: Path, secrets: Mapping[str, str]) -> list[str]:
    """Which secret is in which log."""
    return [
        f"{name} in {log.name}"
        for log in sorted(logs.iterdir())
        for name, secret in secrets.items()
        if secret.encode() in log.read_bytes()
    ]


async def _told(logs: Path, wanted: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of these requests Envoy's log tells of."""
    lines = [json.loads(line) for line in (logs / "envoy.log").read_text().splitlines() if line.startswith("{")]
    return wanted & {(line.get("verb") or "-", line.get("path") or "-") for line in lines}
