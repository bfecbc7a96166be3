"""Provider accounts, by REST and by gRPC: what is kept, what is shown, what a test finds."""

from __future__ import annotations

from typing import Any

import asyncpg
import grpc
import pytest
from carillon.delivery.v1.provider_accounts_pb2 import ProviderAccount
from carillon.delivery.v1.provider_accounts_service_pb2 import CreateProviderAccountRequest, GetProviderAccountRequest
from carillon.delivery.v1.provider_accounts_service_pb2_grpc import ProviderAccountsServiceStub

from tests.stacks import Running
from tools.client import CallFailed, Client, Json
from tools.workspace import Workspace

PASSWORD = "correct horse battery staple"


def accounts(workspace: Workspace) -> str:
    return f"/v1/projects/{workspace.project}/providerAccounts"


def smtp(**changes: Any) -> Json:
    server = {"host": "smtp.example.com", "username": "ann", "password": PASSWORD}
    return {"displayName": "Mail", "smtp": server | changes}


async def test_a_password_is_never_shown_and_never_stored_in_the_open(
    stack: Running, workspace: Workspace, native: Client
) -> None:
    made = await native.call("POST", accounts(workspace), smtp())
    got = await native.call("GET", f"/v1/{made['name']}")
    listed = await native.call("GET", accounts(workspace))

    assert got == made
    assert listed["providerAccounts"] == [made]
    assert made["smtp"] == {
        "host": "smtp.example.com",
        "port": 587,
        "security": "SECURITY_STARTTLS",
        "username": "ann",
        "password": "",
        "allowPlaintextAuth": False,
        "connections": 10,
        "timeoutSeconds": 30,
    }
    connection = await asyncpg.connect(stack.described["postgres"])
    try:
        rows = await connection.fetch("SELECT account, sealed_secret FROM delivery.provider_account")
    finally:
        await connection.close()
    assert rows
    assert not [row for row in rows if PASSWORD.encode() in row["account"] + row["sealed_secret"]]


async def test_an_endpoints_secret_is_answered_once(workspace: Workspace, native: Client) -> None:
    endpoint = {"displayName": "Ours", "http": {"url": "https://hooks.example.com/in"}}

    made = await native.call("POST", accounts(workspace), endpoint)
    got = await native.call("GET", f"/v1/{made['name']}")

    secret = made["http"].pop("signingSecret")
    assert secret.startswith("whsec_")
    assert got["http"].pop("signingSecret") == ""
    assert got == made


async def test_the_same_by_grpc(stack: Running, workspace: Workspace) -> None:
    credential = list(workspace.key_header.items())
    account = ProviderAccount(display_name="Mail")
    account.smtp.host = "smtp.example.com"
    async with grpc.aio.insecure_channel(stack.described["grpc"]) as channel:
        stub = ProviderAccountsServiceStub(channel)
        parent = f"projects/{workspace.project}"
        request = CreateProviderAccountRequest(parent=parent, provider_account=account)
        made = await stub.CreateProviderAccount(request, metadata=credential)
        got = await stub.GetProviderAccount(GetProviderAccountRequest(name=made.name), metadata=credential)

    assert got == made
    assert got.smtp.port == 587


async def test_a_deleted_account_is_gone(workspace: Workspace, native: Client) -> None:
    made = await native.call("POST", accounts(workspace), smtp())

    await native.call("DELETE", f"/v1/{made['name']}")

    with pytest.raises(CallFailed, match="PROVIDER_ACCOUNT_NOT_FOUND"):
        await native.call("GET", f"/v1/{made['name']}")
    assert (await native.call("GET", accounts(workspace)))["providerAccounts"] == []


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"displayName": "Mail"}, "provider_account", "PROVIDER_REQUIRED"),
        (smtp() | {"displayName": "x" * 201}, "provider_account.display_name", "DISPLAY_NAME_INVALID"),
        (smtp(host="10.0.0.1"), "provider_account.smtp.host", "HOST_NOT_ALLOWED"),
        (smtp(port=70_000), "provider_account.smtp.port", "PORT_INVALID"),
        (
            {"displayName": "x", "http": {"url": "http://hooks.example.com/"}},
            "provider_account.http.url",
            "URL_INVALID",
        ),
    ],
)
async def test_a_wrong_account_is_refused_by_field_and_nothing_is_kept(
    workspace: Workspace, native: Client, body: Json, field: str, reason: str
) -> None:
    with pytest.raises(CallFailed) as refused:
        await native.call("POST", accounts(workspace), body)

    assert refused.value.status == 400
    assert f'"{field}"' in refused.value.body
    assert reason in refused.value.body
    assert PASSWORD not in refused.value.body
    assert (await native.call("GET", accounts(workspace)))["providerAccounts"] == []


async def test_a_server_that_nobody_listens_on_is_told_by_a_test(
    stack: Running, workspace: Workspace, native: Client
) -> None:
    elsewhere = {"host": "smtp.invalid", "username": "", "password": ""}
    made = await native.call("POST", accounts(workspace), smtp(**elsewhere))

    told = await native.call("POST", f"/v1/{made['name']}:test", {})

    assert told.get("ok", False) is False
    assert told["reason"] == "NAME_NOT_RESOLVED"
