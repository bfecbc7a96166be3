"""Owns the table of what ReachBell's clients get wrong, with what each is told.

Names in braces stand for the world's things (world.py).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

KEY = {"x-api-key": "{key}"}
JSON = {"content-type": "application/json"}
BODY: Mapping[str, Any] = {
    "name": "Bad",
    "projectId": "{project}",
    "content": {"title": "T"},
    "segment": {"filters": {}},
    "schedule": {"mode": "immediate"},
}
ACTION = {"action": "shop", "title": "Shop now"}
DEEP = '{"id": ' + "[" * 60 + "]" * 60 + "}"


@dataclasses.dataclass(frozen=True)
class Bad:
    """One bad input, and what it is told."""

    method: str
    target: str
    status: int
    code: str
    field: str | None = None
    body: bytes = b""
    headers: Mapping[str, str] = dataclasses.field(default_factory=lambda: KEY | JSON)
    told: Mapping[str, str] = dataclasses.field(default_factory=dict)  # headers of the answer

    def __str__(self) -> str:
        return f"{self.method} {self.target[:80]} {self.body[:80]!r} {dict(self.headers)}"


def raw(value: Any) -> bytes:
    """A body: bytes as they are, anything else as JSON."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def create(value: Any, status: int, code: str, path: str | None = None, **headers: str) -> Bad:
    """A body of a create."""
    spelled = {name.replace("_", "-"): text for name, text in headers.items()}
    return Bad("POST", "/campaigns", status, code, path, raw(value), KEY | JSON | spelled)


def with_(**changes: Any) -> dict[str, Any]:
    """A good body, but for this."""
    return {**BODY, **changes}


def without(name: str) -> dict[str, Any]:
    """A good body, but for what it lacks."""
    return {key: value for key, value in BODY.items() if key != name}


def content(**changes: Any) -> dict[str, Any]:
    """A good body, but for this of its content."""
    return with_(content={"title": "T", **changes})


def filters(value: Any) -> dict[str, Any]:
    """A good body with these filters."""
    return with_(segment={"filters": value})


def at(text: Any, **more: Any) -> dict[str, Any]:
    """A good body that is scheduled."""
    return with_(schedule={"mode": "scheduled", "sendAt": text, **more})


def names() -> Iterator[Bad]:
    yield create(without("name"), 400, "field_required", "name")
    yield create(with_(name=None), 400, "field_required", "name")
    yield create(with_(name=""), 400, "field_required", "name")
    yield create(with_(name=" \t "), 400, "field_required", "name")
    yield create(with_(name="x" * 201), 400, "text_too_long", "name")
    yield create(with_(name="a\0b"), 400, "text_invalid", "name")
    yield create(with_(name="\ud800"), 400, "text_invalid", "name")
    yield create(with_(name=5), 400, "field_mistyped", "name")
    yield create(with_(name=["x"]), 400, "field_mistyped", "name")
    yield create(without("projectId"), 400, "field_required", "projectId")
    yield create(with_(projectId=5), 400, "field_mistyped", "projectId")
    for project in ("{their_project}", "{no_project}", "proj_x", "", "{draft}", "{project}/x", "-"):
        yield create(with_(projectId=project), 404, "project_not_found", "projectId")


def shapes() -> Iterator[Bad]:
    yield create(with_(titel="x"), 400, "field_unknown", "titel")
    yield create(with_(project_id="{project}"), 400, "field_unknown", "project_id")
    yield create(content(titel="x"), 400, "field_unknown", "content.titel")
    yield create(content(icon_url="https://x"), 400, "field_unknown", "content.icon_url")
    yield create(with_(segment={"filter": {}}), 400, "field_unknown", "segment.filter")
    yield create(with_(utm={"medum": "x"}), 400, "field_unknown", "utm.medum")
    yield create(content(actions=[ACTION | {"x": 1}]), 400, "field_unknown", "content.actions[0].x")
    yield create(b'{"name": "a", "projectId": "{project}", "name": "b"}', 400, "field_repeated", "name")
    yield create(
        b'{"segment": {"filters": {"tags": ["a"], "tags": []}}}', 400, "field_repeated", "segment.filters.tags"
    )
    for text in (
        b'{"name": "x",}',
        b"{'name': 'x'}",
        b"{",
        b'{"name": NaN}',
        b"{} {}",
        b"// x\n{}",
        b'{"name": "\xff"}',
    ):
        yield create(text, 400, "json_invalid")
    yield create(b"\xef\xbb\xbf{}", 400, "json_invalid")
    yield create(json.dumps(BODY).encode("utf-16"), 400, "json_invalid")
    yield create(b'{"id": 1e999}', 400, "number_invalid", "id")
    yield create(DEEP.encode(), 400, "json_too_deep", "id" + "[0]" * 48)
    for text in (b"null", b"[]", b'"x"', b"5"):
        yield create(text, 400, "field_mistyped")
    for text in (b"", b" \r\n"):
        yield create(text, 400, "body_required")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"):
        yield create(BODY, 415, "content_type_unsupported", content_type=kind)
    yield create(with_(name="x" * 1_100_000), 413, "body_too_large")
    yield Bad("POST", "/campaigns?name=x", 400, "query_unknown", "name", raw(BODY))
    for key in ("", "k" * 256, "é"):
        yield create(BODY, 400, "idempotency_key_invalid", "Idempotency-Key", idempotency_key=key)


def schedules() -> Iterator[Bad]:
    yield create(with_(schedule={}), 400, "field_required", "schedule.mode")
    yield create(with_(schedule="immediate"), 400, "field_mistyped", "schedule")
    yield create(with_(schedule={"mode": "now"}), 400, "schedule_invalid", "schedule.mode")
    yield create(with_(schedule={"mode": "draft", "sendat": "x"}), 400, "field_unknown", "schedule.sendat")
    yield create(with_(schedule={"mode": "scheduled"}), 400, "field_required", "schedule.sendAt")
    yield create(at(1781532000), 400, "field_mistyped", "schedule.sendAt")
    for text in ("tomorrow", "2027-02-30T00:00:00Z", "2027-06-15T25:00:00Z", "2027-06-15", "2027-06-15T14:00:00+25:00"):
        yield create(at(text), 400, "time_invalid", "schedule.sendAt")
    yield create(at("2020-01-01T00:00:00Z"), 400, "time_past", "schedule.sendAt")
    for zone in ("Mars/Olympus", "../etc/passwd", "america/new_york", "+02:00"):
        yield create(at("2027-06-15T14:00:00", timezone=zone), 400, "time_zone_unknown", "schedule.timezone")


def segments() -> Iterator[Bad]:
    yield create(without("segment"), 400, "field_required", "segment")
    yield create(with_(segment={}), 400, "field_required", "segment")
    yield create(with_(segment=[]), 400, "field_mistyped", "segment")
    both = {"filters": {}, "savedSegmentId": "{segment}"}
    yield create(with_(segment=both), 400, "segment_ambiguous", "segment")
    for segment in ("{their_segment}", "{no_segment}", "seg_x", "", "{project}"):
        yield create(with_(segment={"savedSegmentId": segment}), 404, "segment_not_found", "segment.savedSegmentId")
    yield create(filters([]), 400, "field_mistyped", "segment.filters")
    yield create(filters({"contry": ["US"]}), 400, "filter_unknown", "segment.filters.contry")
    yield create(filters({"country": ["US"], "a": ["x"]}), 400, "filter_unknown", "segment.filters.a")
    mistyped: tuple[Any, ...] = ([], "US", None, {"in": ["US"]}, True)
    for value in mistyped:
        yield create(filters({"country": value}), 400, "filter_invalid", "segment.filters.country")
    yield create(filters({"country": ["US", 5]}), 400, "filter_invalid", "segment.filters.country[1]")
    yield create(filters({"country": ["x"] * 1001}), 400, "filter_invalid", "segment.filters")
    yield create(filters({"tags": ["a\0"]}), 400, "text_invalid", "segment.filters.tags[0]")
    yield create(filters({"a" * 65: ["x"]}), 400, "filter_invalid", "segment.filters." + "a" * 64)
    yield create(filters({"tags": ["vip", "did-not-open"]}), 400, "filter_invalid", "segment.filters.tags[1]")
    yield create(filters({"country": ["did-not-open"]}), 400, "filter_invalid", "segment.filters.country[0]")


def contents() -> Iterator[Bad]:
    yield create(without("content"), 400, "field_required", "content.title")
    yield create(content(title=" "), 400, "field_required", "content.title")
    yield create(content(title="x" * 201), 400, "text_too_long", "content.title")
    yield create(content(body="x" * 2001), 400, "text_too_long", "content.body")
    for name in ("iconUrl", "imageUrl", "clickUrl"):
        yield create(content(**{name: "javascript:alert(1)"}), 400, "url_invalid", f"content.{name}")
    for url in ("data:text/html,x", "ftp://x/y", "//example.com", "/sale", "https://", "https://a b", "http://[x"):
        yield create(content(clickUrl=url), 400, "url_invalid", "content.clickUrl")
    yield create(content(clickUrl="https://x/" + "y" * 2048), 400, "text_too_long", "content.clickUrl")
    yield create(content(actions=[{"action": "a"}]), 400, "field_required", "content.actions[0].title")
    yield create(content(actions=[ACTION | {"action": ""}]), 400, "field_required", "content.actions[0].action")
    yield create(content(actions=[ACTION, ACTION]), 400, "action_repeated", "content.actions[1].action")
    for name in ("url", "clickUrl"):
        script = [ACTION | {name: "javascript:x"}]
        yield create(content(actions=script), 400, "url_invalid", "content.actions[0].url")
    many = [{"action": str(number), "title": "x"} for number in range(11)]
    yield create(content(actions=many), 400, "too_many_actions", "content.actions")
    yield create(with_(utm={"source": "x" * 201}), 400, "text_too_long", "utm.source")


def patches() -> Iterator[Bad]:
    def patch(value: Any, status: int, code: str, path: str | None = None, *, id: str = "{draft}") -> Bad:
        return Bad("PATCH", f"/campaigns/{id}", status, code, path, raw(value))

    yield patch(b"", 400, "body_required")
    yield patch(b'{"name": "x",}', 400, "json_invalid")
    yield patch([], 400, "field_mistyped")
    yield patch({"name": None}, 400, "field_required", "name")
    yield patch({"name": " "}, 400, "field_required", "name")
    yield patch({"name": "x" * 201}, 400, "text_too_long", "name")
    yield patch({"titel": "x"}, 400, "field_unknown", "titel")
    yield patch({"content": {"titel": "x"}}, 400, "field_unknown", "content.titel")
    yield patch({"content": {"clickUrl": "javascript:x"}}, 400, "url_invalid", "content.clickUrl")
    yield patch({"segment": {"filters": {"tags": []}}}, 400, "filter_invalid", "segment.filters.tags")
    yield patch({"segment": {"filters": {"tags": ["did-not-open"]}}}, 400, "filter_invalid", "segment.filters.tags[0]")
    yield patch({"schedule": {"sendAt": "2027-06-15T14:00:00Z"}}, 400, "field_required", "schedule.mode")
    yield patch({"schedule": {"mode": "scheduled"}}, 400, "field_required", "schedule.sendAt")
    yield patch({"schedule": {"mode": "immediate"}}, 400, "field_required", "segment")
    launch = {"content": {"title": "T"}, "schedule": {"mode": "immediate"}}
    yield patch(launch | {"segment": None}, 400, "field_required", "segment")
    yield patch(launch | {"segment": {"filters": {"contry": ["x"]}}}, 400, "filter_unknown", "segment.filters.contry")
    for segment in ("{their_segment}", "{no_segment}"):
        saved = launch | {"segment": {"savedSegmentId": segment}}
        yield patch(saved, 404, "segment_not_found", "segment.savedSegmentId")
    for project in ("{their_project}", "{no_project}", "proj_x"):
        yield patch({"projectId": project}, 404, "campaign_not_found", "projectId")
    for id in ("{their_campaign}", "{no_campaign}", "cmp_x", "{project}"):
        yield patch({"name": "x"}, 404, "campaign_not_found", "id", id=id)
    for id in ("{sent}", "{scheduled}", "{cancelled}"):
        yield patch({"content": {"title": "late"}}, 409, "campaign_not_editable", id=id)
    yield patch({"name": "x"}, 400, "query_collides", "id", id="{draft}?id={sent}")


def sends() -> Iterator[Bad]:
    def send(value: Any, status: int, code: str, path: str | None = None, *, id: str = "{sent}") -> Bad:
        return Bad("POST", f"/campaigns/{id}/send", status, code, path, raw(value))

    yield send(b"[]", 400, "field_mistyped")
    yield send(b"{,}", 400, "json_invalid")
    yield send({"content": {"title": "x"}}, 400, "field_unknown", "content")
    yield send({"id": "{their_campaign}"}, 400, "field_unknown", "id")
    yield send({"segment": {}}, 400, "segment_required", "segment")
    yield send({"segment": {"filters": {}, "savedSegmentId": "{segment}"}}, 400, "segment_ambiguous", "segment")
    yield send({"segment": {"filters": {"contry": ["x"]}}}, 400, "filter_unknown", "segment.filters.contry")
    yield send({"segment": {"filters": {"tags": []}}}, 400, "filter_invalid", "segment.filters.tags")
    unopened = {"segment": {"filters": {"tags": ["did-not-open"]}}}
    for id in ("{draft}", "{scheduled}"):
        yield send(unopened, 400, "filter_invalid", "segment.filters.tags", id=id)
    for segment in ("{their_segment}", "{no_segment}", "seg_x"):
        override = {"segment": {"savedSegmentId": segment}}
        yield send(override, 404, "segment_not_found", "segment.savedSegmentId")
    for id in ("{their_campaign}", "{no_campaign}", "cmp_x"):
        yield send(b"", 404, "campaign_not_found", "id", id=id)
    yield send(b"", 400, "field_required", "segment", id="{draft}")
    yield Bad("POST", "/campaigns/{sent}/send?id={draft}", 400, "query_collides", "id")
    yield Bad(
        "POST", "/campaigns/{sent}/send", 415, "content_type_unsupported", None, b"x=1", KEY | {"content-type": "x/y"}
    )


def reads() -> Iterator[Bad]:
    def get(target: str, status: int, code: str, path: str | None = None, body: bytes = b"") -> Bad:
        return Bad("GET", target, status, code, path, body)

    for id in ("{their_campaign}", "{no_campaign}", "cmp_x", "x", "{segment}", "%E2%98%83", "CMP_00D1ZZ1DXNPVBC2NBBQ7"):
        yield get(f"/campaigns/{id}", 404, "campaign_not_found", "id")
        yield Bad("DELETE", f"/campaigns/{id}", 404, "campaign_not_found", "id")
    yield get("/campaigns/{sent}?id={their_campaign}", 400, "query_collides", "id")
    yield get("/campaigns/{sent}?fields=stats", 400, "query_unknown", "fields")
    yield get("/campaigns/{sent}?token={jwt}", 400, "query_unknown", "token")
    yield get("/campaigns/{sent}", 400, "body_unexpected", None, b'{"id": "{their_campaign}"}')
    yield Bad("DELETE", "/campaigns/{sent}", 409, "campaign_not_deletable")
    yield Bad("DELETE", "/campaigns/{draft}?force=true", 400, "query_unknown", "force")
    yield Bad("DELETE", "/campaigns/{draft}?id={sent}", 400, "query_collides", "id")
    for project in ("{their_project}", "{no_project}", "proj_x", "-", "{draft}"):
        yield get(f"/campaigns/project/{project}", 404, "project_not_found", "projectId")
        yield get(f"/campaigns/export/project/{project}.csv", 404, "project_not_found", "projectId")
    yield get("/campaigns/export/project/{project}", 404, "project_not_found", "projectId")
    yield get("/campaigns/export/project/{project}.csv?file=x", 400, "query_collides", "file")
    yield get("/campaigns/export/project/{project}.csv?status=sent", 400, "query_unknown", "status")
    for parameter, code, path in (
        ("page=0", "page_invalid", "page"),
        ("page=-1", "page_invalid", "page"),
        ("page=two", "field_mistyped", "page"),
        ("page=1.5", "field_mistyped", "page"),
        ("page=99999999999", "field_mistyped", "page"),
        ("page=1&page=2", "field_repeated", "page"),
        ("pageSize=0", "page_size_invalid", "pageSize"),
        ("pageSize=-5", "page_size_invalid", "pageSize"),
        ("page_size=5", "query_unknown", "page_size"),
        ("status=SENT", "status_unknown", "status"),
        ("status=sent,draft", "status_unknown", "status"),
        ("projectId={their_project}", "query_collides", "projectId"),
        ("q=%ff", "query_invalid", "q"),
        ("q=a%00", "query_invalid", "q"),
        ("sort=name", "query_unknown", "sort"),
    ):
        yield get("/campaigns/project/{project}?" + parameter, 400, code, path)
    for parameter, path in (
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-01-01T00:00:00+02:00", "from"),
    ):
        yield get("/campaigns/project/{project}?" + parameter, 400, "time_invalid", path)
        yield get("/campaigns/export/project/{project}.csv?" + parameter, 400, "time_invalid", path)


def paths() -> Iterator[Bad]:
    for target in (
        "/",
        "/campaign",
        "/campaigns/",
        "/Campaigns/{sent}",
        "/campaigns/{sent}/x",
        "/v1/projects",
        "/x/../y",
    ):
        yield Bad("GET", target, 404, "not_found")
    for target in ("/campaigns/{sent}/../../v1/projects/{their_project}", "/campaigns/{sent}/%2e%2e/%2e%2e/y", "//y"):
        yield Bad("GET", target, 404, "not_found")
    for target in ("/campaigns/project%2f{project}", "/campaigns%5c{sent}", "/campaigns/{sent}%2fstream"):
        yield Bad("GET", target, 400, "request_invalid")
    yield Bad("GET", "/campaigns/%ff", 404, "not_found")
    yield Bad("GET", "/campaigns/" + "a" * 9000, 414, "path_too_long")
    yield Bad("GET", "/campaigns/project/{project}?q=" + "a" * 9000, 414, "path_too_long")
    for method, target, allowed in (
        ("GET", "/campaigns", "POST"),
        ("PUT", "/campaigns/{draft}", "DELETE, GET, PATCH"),
        ("POST", "/campaigns/{draft}", "DELETE, GET, PATCH"),
        ("DELETE", "/campaigns", "POST"),
        ("POST", "/campaigns/project/{project}", "GET"),
        ("GET", "/campaigns/{draft}/send", "POST"),
        ("POST", "/campaigns/{draft}/stream", "GET"),
        ("PATCH", "/campaigns/export/project/{project}.csv", "GET"),
        ("OPTIONS", "/campaigns", "POST"),
        ("PROPFIND", "/campaigns", "POST"),
    ):
        yield Bad(method, target, 405, "method_not_allowed", told={"allow": allowed})


def credentials() -> Iterator[Bad]:
    for headers in (
        {},
        {"x-api-key": "wrong"},
        {"x-api-key": ""},
        {"x-api-key": "{revoked}"},
        {"x-api-key": "{jwt}"},
        {"authorization": "Bearer {key}"},
        {"authorization": "{key}"},
        {"authorization": "Basic {key}"},
        {"authorization": "Bearer {expired}", "x-org-id": "{organization}"},
        {"authorization": "Bearer {unsigned}", "x-org-id": "{organization}"},
        {"authorization": "Bearer {stranger}", "x-org-id": "{organization}"},
        {"authorization": "Bearer {endless}", "x-org-id": "{organization}"},
    ):
        yield Bad("GET", "/campaigns/{sent}", 401, "credential_invalid", headers=headers)
    bearer = {"authorization": "Bearer {jwt}"}
    yield Bad("GET", "/campaigns/{sent}", 401, "organization_required", headers=bearer)
    for organization in ("{their_organization}", "{no_organization}", "org_x"):
        theirs = bearer | {"x-org-id": organization}
        yield Bad("GET", "/campaigns/{sent}", 403, "organization_forbidden", headers=theirs)
    limited = {"x-api-key": "{limited}"}
    yield Bad("GET", "/campaigns/{sent}", 404, "campaign_not_found", "id", headers=limited)
    yield Bad("GET", "/campaigns/project/{project}", 404, "project_not_found", "projectId", headers=limited)
    yield Bad("POST", "/campaigns", 404, "project_not_found", "projectId", raw(BODY), limited | JSON)
    stream = "/campaigns/{sent}/stream"
    for query in ("", "?token={key}&orgId={organization}", "?token={expired}&orgId={organization}"):
        yield Bad("GET", stream + query, 401, "credential_invalid")
    yield Bad("GET", stream, 401, "credential_invalid", headers=bearer | {"x-org-id": "{organization}"})
    yield Bad("GET", stream + "?token={unsigned}&orgId={organization}", 401, "credential_invalid", headers={})
    yield Bad("GET", stream + "?token={jwt}", 401, "organization_required", headers={})
    yield Bad("GET", stream + "?token={jwt}&orgId={their_organization}", 403, "organization_forbidden", headers={})
    asked = "?token={jwt}&orgId={organization}"
    yield Bad("GET", stream + asked + "&id={draft}", 400, "query_collides", "id", headers={})
    yield Bad("GET", stream + asked + "&x=1", 400, "query_unknown", "x", headers={})
    for id in ("{their_campaign}", "{no_campaign}", "cmp_x"):
        yield Bad("GET", f"/campaigns/{id}/stream{asked}", 404, "campaign_not_found", "id", headers={})


TABLES = (names, shapes, schedules, segments, contents, patches, sends, reads, paths, credentials)
BAD_INPUTS: tuple[Bad, ...] = tuple(bad for table in TABLES for bad in table())
