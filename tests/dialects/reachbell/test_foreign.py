"""Another organization's ids are ids that never were, in every position of every operation of both APIs.

The operations and their positions come from the descriptors: a new one fails here until it has a request.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gateway.apis import BY_NAME
from gateway.routes import Route
from services.runtime import ids
from tests.dialects.reachbell.positions import is_id, texts_of
from tests.dialects.reachbell.raw_http import RawAnswer, ask
from tests.dialects.reachbell.requests import IGNORED, KINDS, REQUESTS, Request
from tests.dialects.reachbell.spelling import spell
from tests.dialects.reachbell.world import World, make_ready, make_world
from tests.stacks import Running

PLACE = re.compile(r"\{(" + "|".join(KINDS) + r")\}")
PREFIXES = {
    "contact": "con",
    "subscription": "sub",
    "run": "run",
    "api_key": "key",
    "account": "acc",
    "template": "tpl",
}
ROUTES: Mapping[str, tuple[str, Route]] = {
    f"{api} {route.method.name}": (api, route) for api in REQUESTS for route in BY_NAME[api].routes()
}
# What the server chooses anew each time.
CHOSEN = re.compile(
    r"[a-z]+_[0-9A-Z]{20}|ck_live_[\w-]+|eyJ[\w.-]+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|[0-9a-f]{8}-[0-9a-f-]{27}"
)


@pytest.fixture(scope="module")
def world(stack: Running) -> World:
    made = asyncio.run(make_world(stack, everything=True))
    return {**made, **{f"no_{kind}": ids.spell(prefix, ids.new_id()) for kind, prefix in PREFIXES.items()}}


def requests_of(operation: str) -> Iterator[tuple[str, Request]]:
    api, route = ROUTES[operation]
    for request in REQUESTS[api].get(route.method.name, ()):
        yield route.method.name, request


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(the path without indexes, the text) of each text in a request."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from leaves(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for member in value:
            yield from leaves(member, path)
    elif isinstance(value, str):
        yield path, value


@pytest.mark.parametrize("operation", ROUTES)
def test_every_position_of_every_operation_is_covered(operation: str) -> None:
    api, route = ROUTES[operation]
    wanted = {path for field, path in texts_of(route, BY_NAME[api]) if is_id(field)}
    wanted = {path for path in wanted if ".none_of." not in path and ".any_of." not in path and ".all_of." not in path}

    written = {path for _, request in requests_of(operation) for path, text in leaves(request) if PLACE.search(text)}

    assert list(requests_of(operation)), f"{operation} has no request"
    assert written == wanted


def filled(text: str, world: World, instead: Mapping[int, str]) -> str:
    """The text with the world's things in their places; `instead` is what stands in the n-th place of all."""
    count = iter(range(len(text)))

    def put(match: re.Match[str]) -> str:
        number = next(count)
        name = f"{instead[number]}_{KINDS[match[1]]}" if number in instead else match[1]
        return world[name]

    return PLACE.sub(put, text)


def call(stack: Running, operation: str, request: str, world: World) -> RawAnswer:
    api, route = ROUTES[operation]
    url = stack.described["native"] if api == "native" else stack.described["dialects"][api]
    for name in ("endpoint", "p256dh", "auth"):
        request = request.replace("{" + name + "}", world[name])
    verb, target, body = spell(route.method, json.loads(request))
    headers = {"content-type": "application/json", "x-api-key": world["key"]}
    if route.rule.query_token:
        target += f"?token={world['jwt']}&orgId={world['organization']}"
    return ask(url, verb, target, headers=headers, body=body)


def comparable(answer: RawAnswer) -> tuple[Any, ...]:
    """All of an answer but what no two answers share."""
    request_id = answer.headers["x-request-id"].encode()
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    return answer.status, headers, answer.body.replace(request_id, b"-")


def without_choices(answer: RawAnswer) -> tuple[Any, ...]:
    """The same where something was made: what was chosen for it is masked."""
    return answer.status, CHOSEN.sub("-", answer.body.decode())


@pytest.mark.parametrize("operation", ROUTES)
def test_a_foreign_id_is_an_id_that_never_was(stack: Running, world: World, operation: str) -> None:
    def answer(request: Request, instead: Mapping[int, str]) -> RawAnswer:
        fresh = {**world, "ready": asyncio.run(make_ready(stack, world))}
        return call(stack, operation, filled(json.dumps(request), fresh, instead), fresh)

    for method, request in requests_of(operation):
        places = [(path, KINDS[found[1]]) for path, leaf in leaves(request) for found in PLACE.finditer(leaf)]
        for number, (path, kind) in enumerate(places):
            theirs, nobodys = answer(request, {number: "their"}), answer(request, {number: "no"})

            if (method, path, kind) in IGNORED:
                assert without_choices(theirs) == without_choices(nobodys), (path, kind)
            else:
                assert comparable(theirs) == comparable(nobodys), (path, kind)
                assert theirs.status in (400, 404), (path, kind, theirs)

        good = answer(request, {})
        assert good.status in (200, 201, 204, 409) or method == "CreateOrganization", (request, good)


@pytest.mark.parametrize("organization", ["their_organization", "no_organization"])
def test_a_foreign_organization_in_the_query_is_one_that_never_was(
    stack: Running, world: World, organization: str
) -> None:
    target = f"/campaigns/{world['sent']}/stream?token={world['jwt']}&orgId={world[organization]}"

    answer = ask(stack.described["dialects"]["reachbell"], "GET", target, headers={})

    told = answer.json["error"]
    assert (answer.status, told["code"], told["message"]) == (
        403,
        "organization_forbidden",
        "The token is not good for this organization.",
    )
