"""Who is let in, and as whom."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.dialects.reachbell import REACHBELL
from gateway.door.door import Door
from gateway.native import NATIVE
from services.runtime import ids
from services.runtime.clock import SystemClock
from tests.unit.gateway.builders import (
    CAMPAIGN_ID,
    ISSUER,
    LIMITED,
    LIMITED_TO,
    OPERATOR_KEY,
    SECRET,
    SEED,
    TENANT,
    caller_of,
    credentials,
    refusal_of,
    request,
    tokens,
)

door = Door(REACHBELL, credentials())
ORGANIZATION = ids.spell("org", TENANT)
PATH = f"/campaigns/{CAMPAIGN_ID}"
OURS = Ed25519PrivateKey.from_private_bytes(SEED)
SOMEBODY_ELSES = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
HOUR = 3600


def claims(**changes: Any) -> dict[str, Any]:
    """Good ones, with changes; None takes a claim away."""
    good = {"iss": ISSUER, "sub": "ann", "orgs": [ORGANIZATION], "exp": int(time.time()) + HOUR}
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(key: Any = OURS, algorithm: str = "EdDSA", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm)


BAD_TOKENS = {
    "alg none": lambda: signed(None, "none"),
    "hmac": lambda: signed(b"k" * 32, "HS256"),
    "another key": lambda: signed(SOMEBODY_ELSES),
    "another issuer": lambda: signed(iss="https://elsewhere.example"),
    "no issuer": lambda: signed(iss=None),
    "expired": lambda: signed(exp=int(time.time()) - 5),
    "no exp": lambda: signed(exp=None),
    "no sub": lambda: signed(sub=None),
    "no orgs": lambda: signed(orgs=None),
    "orgs no list": lambda: signed(orgs=ORGANIZATION),
    "not before tomorrow": lambda: signed(nbf=int(time.time()) + HOUR),
    "cut": lambda: signed()[:-4],
    "no JSON": lambda: "a.b.c",
}


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_a_bad_token_is_401_wherever_it_is(name: str) -> None:
    token = BAD_TOKENS[name]()

    header = await refusal_of(
        door, request("GET", PATH, key=None, authorization=f"Bearer {token}", x_org_id=ORGANIZATION)
    )
    query = await refusal_of(door, request("GET", f"{PATH}/stream?token={token}&orgId={ORGANIZATION}", key=None))

    assert header is not None
    assert query is not None
    assert header.status == query.status == 401


async def test_our_own_token_opens_its_organization() -> None:
    now = SystemClock().now()
    token = tokens().sign(subject="ann", organization=TENANT, now=now, expires=now.replace(year=now.year + 1))

    caller = await caller_of(
        door, request("GET", PATH, key=None, authorization=f"Bearer {token}", x_org_id=ORGANIZATION)
    )

    assert (caller.organization, caller.subject) == (TENANT, "user:ann")


async def test_a_person_called_service_is_no_service() -> None:
    token = signed(sub="service:campaigns")

    caller = await caller_of(
        door, request("GET", PATH, key=None, authorization=f"bearer {token}", x_org_id=ORGANIZATION)
    )

    assert not caller.is_service


@pytest.mark.parametrize("organization", [ids.spell("org", ids.new_id()), "org_x", "nonsense"])
async def test_an_organization_that_is_not_the_tokens_is_403(organization: str) -> None:
    reply = await refusal_of(door, request("GET", f"{PATH}/stream?token={signed()}&orgId={organization}", key=None))

    assert reply is not None
    assert reply.status == 403


async def test_a_token_without_an_organization_is_401() -> None:
    reply = await refusal_of(door, request("GET", PATH, key=None, authorization=f"Bearer {signed()}"))

    assert reply is not None
    assert reply.status == 401


@pytest.mark.parametrize(
    "headers", [{}, {"x_api_key": "wrong"}, {"authorization": f"Bearer {SECRET}"}, {"authorization": SECRET}]
)
async def test_no_key_a_wrong_key_and_a_key_as_a_bearer_token_are_401(headers: dict[str, str]) -> None:
    reply = await refusal_of(door, request("GET", PATH, key=None, **headers))

    assert reply is not None
    assert (reply.status, reply.headers) == (401, {"www-authenticate": "Bearer"})


@pytest.mark.parametrize("target", [f"{PATH}/stream", f"{PATH}/stream?token={SECRET}&orgId={ORGANIZATION}"])
async def test_the_stream_takes_no_api_key(target: str) -> None:
    reply = await refusal_of(door, request("GET", target))

    assert reply is not None
    assert reply.status == 401


async def test_the_stream_takes_a_token_in_its_query() -> None:
    asked = request("GET", f"{PATH}/stream?token={signed()}&orgId={ORGANIZATION}", key=None)

    caller = await caller_of(door, asked)

    assert caller.organization == TENANT


async def test_a_limited_key_carries_its_projects() -> None:
    caller = await caller_of(door, request("GET", PATH, key=LIMITED))

    assert caller.projects == {LIMITED_TO}


async def test_the_operators_key_belongs_to_no_organization() -> None:
    caller = await caller_of(Door(NATIVE, credentials()), request("GET", "/v1/projects", key=OPERATOR_KEY))

    assert caller.is_operator
    assert caller.organization == b""


async def test_an_unknown_path_tells_a_stranger_nothing() -> None:
    replies = [await refusal_of(door, request("GET", path, key=None)) for path in (PATH, "/nothing", "/campaigns")]

    assert {reply.status for reply in replies if reply} == {401}
