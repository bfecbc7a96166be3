"""What tests of the gateway do not care about."""

from __future__ import annotations

import json
from typing import Any

from gateway.accounts.repository import ApiKey
from gateway.accounts.tokens import Tokens
from gateway.door.credentials import Credentials
from gateway.door.door import Door, Request
from gateway.refusal import Refusal, Reply
from services.runtime import ids
from services.runtime.clock import SystemClock
from services.runtime.identity import Caller

SEED = b"s" * 32
ISSUER = "carillon"
OPERATOR_KEY = "operator's own"
TENANT = ids.new_id()
PROJECT_ID = ids.spell("proj", ids.new_id())
CAMPAIGN_ID = ids.spell("cmp", ids.new_id())
SECRET = "ck_live_works"
LIMITED = "ck_live_limited"
LIMITED_TO = ids.new_id()


class OneKeyRing:
    """Stands in for the database: two keys work, one of them for one project only."""

    async def find(self, secret: str) -> ApiKey | None:
        projects = {SECRET: (), LIMITED: (LIMITED_TO,)}.get(secret)
        if projects is None:
            return None
        return ApiKey(TENANT, ids.new_id(), "key", b"", projects, SystemClock().now(), None)


def tokens() -> Tokens:
    return Tokens(seed=SEED, issuer=ISSUER)


def credentials() -> Credentials:
    return Credentials(key_ring=OneKeyRing(), tokens=tokens(), operator_key=OPERATOR_KEY)  # type: ignore[arg-type]


def request(
    verb: str, target: str, body: Any = b"", *, key: str | None = SECRET, kind: str = "application/json", **headers: str
) -> Request:
    """A request with a key and a JSON body; bytes and text are sent as they are."""
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    given = {"content-type": kind} if kind else {}
    given |= {"x-api-key": key} if key else {}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(verb=verb, target=target, headers=given, body=raw)


async def caller_of(door: Door, asked: Request) -> Caller:
    """Who is let in, where it must be somebody."""
    caller = await door.admit(asked)
    assert caller is not None
    return caller


async def refusal_of(door: Door, asked: Request) -> Reply | None:
    """What the door says, None where it lets in."""
    try:
        await door.admit(asked)
    except Refusal as refusal:
        return refusal.reply
    return None
