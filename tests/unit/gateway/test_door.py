"""The door against everything that a transcoder would let through in silence."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.reachbell import REACHBELL
from gateway.door.door import Door
from gateway.native import NATIVE
from tests.unit.gateway.builders import CAMPAIGN_ID, PROJECT_ID, credentials, refusal_of, request

reachbell = Door(REACHBELL, credentials())
native = Door(NATIVE, credentials())

DRAFT: dict[str, Any] = {"name": "Spring", "projectId": PROJECT_ID}
DEEP = "[" * 60 + "]" * 60


def body(**more: Any) -> dict[str, Any]:
    return DRAFT | more


BAD_BODIES: list[tuple[Any, str, str]] = [
    # what is sent, the reason, the field's path
    (b"", "BODY_REQUIRED", ""),
    (b" \n ", "BODY_REQUIRED", ""),
    (b"{", "JSON_INVALID", ""),
    (b"null", "FIELD_MISTYPED", ""),
    (b"[]", "FIELD_MISTYPED", ""),
    (b'"text"', "FIELD_MISTYPED", ""),
    (b'{"name": "x",}', "JSON_INVALID", ""),
    (b"{'name': 'x'}", "JSON_INVALID", ""),
    (b'{"name": NaN}', "JSON_INVALID", ""),
    (b'{"name": -Infinity}', "JSON_INVALID", ""),
    (b'{"name": "x"} {}', "JSON_INVALID", ""),
    (b'{"name": "\xff"}', "JSON_INVALID", ""),
    (b"\xef\xbb\xbf{}", "JSON_INVALID", ""),
    ('{"name": "x"}'.encode("utf-16"), "JSON_INVALID", ""),
    (b"[" * 100_000, "JSON_INVALID", ""),
    (b'{"id": ' + b"9" * 5000 + b"}", "JSON_INVALID", ""),
    (b'{"id": 1e999}', "NUMBER_INVALID", "id"),
    (b'{"id": ' + b"9" * 400 + b"}", "NUMBER_INVALID", "id"),
    ('{"id": ' + DEEP + "}", "JSON_TOO_DEEP", "id" + "[0]" * 48),
    (b'{"name": "a", "name": "b"}', "FIELD_REPEATED", "name"),
    (b'{"content": {"title": "a", "title": "b"}}', "FIELD_REPEATED", "content.title"),
    (b'{"segment": {"filters": {"tags": ["a"], "tags": ["b"]}}}', "FIELD_REPEATED", "segment.filters.tags"),
    (body(name="a\0b"), "TEXT_INVALID", "name"),
    (b'{"name": "\\ud800"}', "TEXT_INVALID", "name"),
    (b'{"segment": {"filters": {"a\\u0000": ["x"]}}}', "TEXT_INVALID", "segment.filters.a?"),
    (body(segment={"filters": {"tags": ["a\0"]}}), "TEXT_INVALID", "segment.filters.tags[0]"),
    (body(stats={"x": "a\0"}), "TEXT_INVALID", "stats.x"),
    ({"projectId": PROJECT_ID}, "FIELD_REQUIRED", "name"),
    ({"name": "x"}, "FIELD_REQUIRED", "projectId"),
    (body(name=None), "FIELD_REQUIRED", "name"),
    (body(name=5), "FIELD_MISTYPED", "name"),
    (body(name=["x"]), "FIELD_MISTYPED", "name"),
    (body(project_id="x"), "FIELD_UNKNOWN", "project_id"),
    (body(titel="x"), "FIELD_UNKNOWN", "titel"),
    (body(segments={"filters": {}}), "FIELD_UNKNOWN", "segments"),
    (body(segment={"filter": {"country": ["US"]}}), "FIELD_UNKNOWN", "segment.filter"),
    (body(segment={"filters": [], "savedSegmentId": None}), "FIELD_MISTYPED", "segment.filters"),
    (body(segment={"filters": "everybody"}), "FIELD_MISTYPED", "segment.filters"),
    (body(segment=[]), "FIELD_MISTYPED", "segment"),
    (body(segment={"savedSegmentId": 5}), "FIELD_MISTYPED", "segment.savedSegmentId"),
    (body(content={"icon_url": "x"}), "FIELD_UNKNOWN", "content.icon_url"),
    (body(content={"title": True}), "FIELD_MISTYPED", "content.title"),
    (body(content={"actions": {}}), "FIELD_MISTYPED", "content.actions"),
    (body(content={"actions": [None]}), "FIELD_MISTYPED", "content.actions[0]"),
    (body(content={"actions": ["shop"]}), "FIELD_MISTYPED", "content.actions[0]"),
    (body(content={"actions": [{"action": "a"}]}), "FIELD_REQUIRED", "content.actions[0].title"),
    (body(content={"actions": [{"action": "a", "title": "b", "x": 1}]}), "FIELD_UNKNOWN", "content.actions[0].x"),
    (body(schedule={}), "FIELD_REQUIRED", "schedule.mode"),
    (body(schedule="immediate"), "FIELD_MISTYPED", "schedule"),
    (body(schedule={"mode": "draft", "send_at": "x"}), "FIELD_UNKNOWN", "schedule.send_at"),
    (body(schedule={"mode": "draft", "sendAt": 5}), "FIELD_MISTYPED", "schedule.sendAt"),
    (body(utm={"medum": "x"}), "FIELD_UNKNOWN", "utm.medum"),
]


@pytest.mark.parametrize(("sent", "reason", "field"), BAD_BODIES)
async def test_a_bad_body_is_refused_with_the_path_of_what_is_wrong(sent: Any, reason: str, field: str) -> None:
    reply = await refusal_of(reachbell, request("POST", "/campaigns", sent))

    assert reply is not None
    assert (reply.status, reply.reason, reply.field) == (400, reason, field)


GOOD_BODIES: list[Any] = [
    DRAFT,
    body(utm=None, content=None),
    body(segment={"filters": {}}),
    body(segment={"filters": {"country": ["US"], "anything": ["x"]}}),
    body(id="cmp_x", status="sent", stats={"queued": 5, "more": [1]}, createdAt="x", updatedAt=None),
    body(name="Ünïcödé 😀"),
    body(content={"actions": [{"action": "a", "title": "b", "clickUrl": "https://x"}]}),
]


@pytest.mark.parametrize("sent", GOOD_BODIES)
async def test_an_honest_body_is_let_in(sent: Any) -> None:
    assert await refusal_of(reachbell, request("POST", "/campaigns", sent)) is None


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json", ""],
)
async def test_json_by_any_of_its_names_is_json(kind: str) -> None:
    assert await refusal_of(reachbell, request("POST", "/campaigns", DRAFT, kind=kind)) is None


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/grpc-web", "application/jsonx"]
)
async def test_another_content_type_is_415(kind: str) -> None:
    reply = await refusal_of(reachbell, request("POST", "/campaigns", DRAFT, kind=kind))

    assert reply is not None
    assert reply.status == 415


BAD_TARGETS: list[tuple[str, str, int, str]] = [
    # method, path and query, status, what is said of the field
    ("GET", "/", 404, ""),
    ("GET", "/campaign", 404, ""),
    ("GET", "/campaigns/", 404, ""),
    ("GET", "/Campaigns/x", 404, ""),
    ("GET", "/campaigns/x/y", 404, ""),
    ("GET", "/campaigns/%ff", 404, ""),
    ("GET", "/campaigns/%zz", 404, ""),
    ("GET", "/campaigns/a%00", 404, ""),
    ("GET", "/v1/projects", 404, ""),
    ("POST", "/carillon.campaigns.v1.CampaignsService/GetCampaign", 404, ""),
    ("PUT", "/campaigns", 405, ""),
    ("OPTIONS", "/campaigns", 405, ""),
    ("HEAD", "/campaigns/x", 405, ""),
    ("GET", "/campaigns/" + "a" * 9000, 414, ""),
    ("GET", "/campaigns/x?id=other", 400, "id"),
    ("GET", "/campaigns/x?unknown=1", 400, "unknown"),
    ("GET", "/campaigns/x?token=abc", 400, "token"),
    ("GET", "/campaigns/x?a=%ff", 400, "a"),
    ("GET", "/campaigns/x?%00=1", 400, ""),
    ("POST", "/campaigns?name=x", 400, "name"),
]


@pytest.mark.parametrize(("verb", "target", "status", "field"), BAD_TARGETS)
async def test_a_bad_target_is_refused(verb: str, target: str, status: int, field: str) -> None:
    reply = await refusal_of(reachbell, request(verb, target))

    assert reply is not None
    assert (reply.status, reply.field) == (status, field)


async def test_405_names_the_methods_that_are_allowed() -> None:
    reply = await refusal_of(reachbell, request("DELETE", "/campaigns"))

    assert reply is not None
    assert reply.headers["allow"] == "POST"


async def test_a_body_over_a_megabyte_is_413() -> None:
    reply = await refusal_of(reachbell, request("POST", "/campaigns", b" " * (1024 * 1024 + 1)))

    assert reply is not None
    assert reply.status == 413


async def test_a_body_where_none_is_taken_cannot_name_another_campaign() -> None:
    reply = await refusal_of(reachbell, request("GET", f"/campaigns/{CAMPAIGN_ID}", {"id": "victim"}))

    assert reply is not None
    assert reply.reason == "BODY_UNEXPECTED"


@pytest.mark.parametrize("sent", [b"", b"  ", b"{}"])
async def test_no_body_is_right_where_none_is_needed(sent: bytes) -> None:
    get = request("GET", f"/campaigns/{CAMPAIGN_ID}", sent, kind="text/plain")
    pause = request("POST", f"/v1/projects/{PROJECT_ID}/campaigns/{CAMPAIGN_ID}:pause", sent)

    assert await refusal_of(reachbell, get) is None
    assert await refusal_of(native, pause) is None


CAMPAIGNS = f"/v1/projects/{PROJECT_ID}/campaigns"
NATIVE_BAD: list[tuple[str, Any, str, str]] = [
    (CAMPAIGNS, b"", "BODY_REQUIRED", ""),
    (CAMPAIGNS, {}, "FIELD_REQUIRED", "display_name"),
    (CAMPAIGNS, {"displayName": "a", "display_name": "b"}, "FIELD_REPEATED", "display_name"),
    (CAMPAIGNS, {"displayName": "a", "state": 3}, "FIELD_MISTYPED", "state"),
    (CAMPAIGNS, {"displayName": "a", "state": "STATE_SENT"}, "FIELD_MISTYPED", "state"),
    (CAMPAIGNS, {"displayName": "a", "channels": [1]}, "FIELD_MISTYPED", "channels[0]"),
    (CAMPAIGNS, {"displayName": "a", "labels": {"a": 1}}, "FIELD_MISTYPED", "labels.a"),
    (CAMPAIGNS, {"displayName": "a", "labels": []}, "FIELD_MISTYPED", "labels"),
    (CAMPAIGNS, {"displayName": "a", "queuedMessageCount": "12"}, "FIELD_MISTYPED", "queuedMessageCount"),
    (CAMPAIGNS, {"displayName": "a", "queuedMessageCount": 2**31}, "FIELD_MISTYPED", "queuedMessageCount"),
    (CAMPAIGNS, {"displayName": "a", "queuedMessageCount": True}, "FIELD_MISTYPED", "queuedMessageCount"),
    (CAMPAIGNS, {"displayName": "a", "schedule": {"immediate": "true"}}, "FIELD_MISTYPED", "schedule.immediate"),
    (
        CAMPAIGNS,
        {"displayName": "a", "schedule": {"startTime": "2026-02-30T00:00:00Z"}},
        "FIELD_MISTYPED",
        "schedule.startTime",
    ),
    (
        CAMPAIGNS,
        {"displayName": "a", "schedule": {"immediate": True, "startTime": "2026-02-20T00:00:00Z"}},
        "FIELDS_EXCLUSIVE",
        "schedule.startTime",
    ),
    (
        CAMPAIGNS,
        {"displayName": "a", "audience": {"segment": "projects/p/segments/s", "filter": {}}},
        "FIELDS_EXCLUSIVE",
        "audience.filter",
    ),
    (CAMPAIGNS, {"displayName": "a", "audience": {"filters": {}}}, "FIELD_UNKNOWN", "audience.filters"),
    (
        CAMPAIGNS,
        {"displayName": "a", "audience": {"filter": {"allOf": {"filters": [{"condition": {"attribute": "x"}}]}}}},
        "FIELD_REQUIRED",
        "audience.filter.allOf.filters[0].condition.operator",
    ),
    (f"{CAMPAIGNS}/{CAMPAIGN_ID}:start", {"name": "victim"}, "FIELD_UNKNOWN", "name"),
    ("/v1/tokens", {"subject": "ann", "ttl": 60}, "FIELD_MISTYPED", "ttl"),
]


@pytest.mark.parametrize(("path", "sent", "reason", "field"), NATIVE_BAD)
async def test_the_native_api_is_as_strict(path: str, sent: Any, reason: str, field: str) -> None:
    reply = await refusal_of(native, request("POST", path, sent))

    assert reply is not None
    assert (reply.status, reply.reason, reply.field) == (400, reason, field)


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ("/v1/projects?pageSize=many", "pageSize"),
        ("/v1/projects?pageSize=99999999999", "pageSize"),
        ("/v1/projects?pageSize=1&page_size=2", "page_size"),
        ("/v1/projects/x?name=projects/y", "name"),
    ],
)
async def test_a_bad_query_names_its_key(target: str, field: str) -> None:
    reply = await refusal_of(native, request("GET", target))

    assert reply is not None
    assert (reply.status, reply.field) == (400, field)


async def test_what_the_native_api_answers_may_be_sent_back() -> None:
    answered = {
        "name": f"projects/{PROJECT_ID}/campaigns/{CAMPAIGN_ID}",
        "displayName": "Spring",
        "state": "STATE_DRAFT",
        "failureReason": "",
        "channels": ["CHANNEL_PUSH"],
        "audience": {"filter": {"allOf": {"filters": []}}},
        "labels": {"a": "b"},
        "queuedMessageCount": 0,
        "createTime": "2026-11-21T19:33:16.170125Z",
        "startTime": None,
    }

    assert await refusal_of(native, request("POST", CAMPAIGNS, answered)) is None


GRPC = "application/grpc"


@pytest.mark.parametrize(
    "path",
    [
        "/carillon.feeds.v1.RunFeedService/StreamOpenRuns",
        "/carillon.delivery.v1.ControlService/SetState",
        "/grpc.health.v1.Health/Check",
        "/carillon.campaigns.v1.CampaignsService/Nothing",
        "/v1/projects",
    ],
)
async def test_plain_grpc_reaches_what_is_offered_and_nothing_else(path: str) -> None:
    offered = request("POST", "/carillon.campaigns.v1.CampaignsService/GetCampaign", b"\0\0\0\0\0", kind=GRPC)

    reply = await refusal_of(native, request("POST", path, b"\0\0\0\0\0", kind=GRPC))

    assert await refusal_of(native, offered) is None
    assert reply is not None
    assert reply.status == 404


async def test_a_dialect_takes_no_plain_grpc() -> None:
    path = "/carillon.dialects.reachbell.v1.CampaignsService/GetCampaign"

    reply = await refusal_of(reachbell, request("POST", path, b"", kind=GRPC))

    assert reply is not None
    assert reply.status == 404
