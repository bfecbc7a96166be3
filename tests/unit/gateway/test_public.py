"""What strangers may call: nobody asks who they are, and the rest is as strict as everywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.door.door import Door
from gateway.envoy import configuration, sample
from gateway.public import LARGEST, PUBLIC
from gateway.refusal import PLAIN
from services.runtime.interceptors import OPEN_PREFIXES
from tests.unit.gateway.builders import credentials, refusal_of, request

public = Door(PUBLIC, credentials())
RECEIPT = {"event": "clicked"}
FORM, ONE_CLICK = "application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"
KEYS = {"p256dh": "x", "auth": "y"}


def listener() -> dict[str, Any]:
    written = json.loads(json.dumps(configuration(sample())))
    (found,) = [item for item in written["static_resources"]["listeners"] if item["name"] == "public"]
    config: dict[str, Any] = found["filter_chains"][0]["filters"][0]["typed_config"]
    return config


@pytest.mark.parametrize(
    ("verb", "target", "body"),
    [
        ("POST", "/r/token", RECEIPT),
        ("POST", "/r/token", RECEIPT | {"action": "buy"}),
        ("GET", "/carillon-worker.js", b""),
        ("GET", "/p/proj_x/vapid-key", b""),
        ("POST", "/p/proj_x/subscriptions", {"endpoint": "x", "keys": KEYS, "expirationTime": None}),
        ("POST", "/p/proj_x/subscriptions", {"endpoint": "x", "keys": KEYS, "timeZone": "Europe/Berlin"}),
    ],
)
async def test_a_stranger_is_let_in_without_an_identity(verb: str, target: str, body: Any) -> None:
    assert await public.admit(request(verb, target, body, key=None)) is None


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=utf-8", "Multipart/Form-Data; boundary=x"])
async def test_who_unsubscribes_sends_a_form(kind: str) -> None:
    assert await public.admit(request("POST", "/u/token", ONE_CLICK, key=None, kind=kind)) is None
    assert await public.admit(request("GET", "/u/token", b"", key=None)) is None


async def test_a_credential_makes_nobody_of_a_stranger() -> None:
    assert await public.admit(request("POST", "/r/token", RECEIPT)) is None


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request("POST", "/r/token", b'{"event": "clicked",}', key=None), 400),
        (request("POST", "/r/token", RECEIPT | {"token": "x"}, key=None), 400),
        (request("POST", "/r/token", RECEIPT | {"kind": "x"}, key=None), 400),
        (request("POST", "/r/token?token=x", RECEIPT, key=None), 400),
        (request("POST", "/r/token", {}, key=None), 400),
        (request("POST", "/r/token", RECEIPT, key=None, kind="text/html"), 415),
        (request("POST", "/r/token", ONE_CLICK, key=None, kind=FORM), 415),
        (request("POST", "/u/token", RECEIPT, key=None), 415),
        (request("POST", "/u/token", ONE_CLICK, key=None, kind=""), 415),
        (request("POST", "/u/token?form=x", ONE_CLICK, key=None, kind=FORM), 400),
        (request("POST", "/u/token?token=x", ONE_CLICK, key=None, kind=FORM), 400),
        (request("PUT", "/u/token", ONE_CLICK, key=None, kind=FORM), 405),
        (request("POST", "/r/a/b", RECEIPT, key=None), 404),
        (request("GET", "/r/token", key=None), 405),
        (request("GET", "/v1/projects", key=None), 404),
        (request("POST", "/p/proj_x/subscriptions", {"endpoint": "x", "keys": KEYS, "time_zone": "x"}, key=None), 400),
        (request("POST", "/carillon.delivery.v1.PublicService/ReportReceipt", key=None, kind="application/grpc"), 404),
        (request("POST", "/carillon.delivery.v1.ControlService/SetControl", key=None, kind="application/grpc"), 404),
    ],
)
async def test_everything_else_is_refused(asked: Any, status: int) -> None:
    refusal = await refusal_of(public, asked)

    assert refusal is not None
    assert refusal.status == status


def test_a_body_is_small_and_says_so() -> None:
    (door,) = [item for item in listener()["http_filters"] if item["name"].endswith("ext_authz")]

    assert door["typed_config"]["with_request_body"]["max_request_bytes"] == LARGEST
    assert "16 kB" in json.dumps(PUBLIC.render(PLAIN[413], "id"))


def test_it_is_offered_under_any_name_and_to_pages_of_any_origin() -> None:
    (host,) = listener()["route_config"]["virtual_hosts"]

    assert host["domains"] == ["*"]
    assert ".*" in json.dumps(host["typed_per_filter_config"]["envoy.filters.http.cors"])
    assert host["routes"][-1] == {"match": {"prefix": "/"}, "direct_response": {"status": 404}}


def test_exactly_its_services_need_no_identity() -> None:
    services = {f"/{service.full_name}/" for service in PUBLIC.services}

    assert services == {prefix for prefix in OPEN_PREFIXES if prefix.startswith("/carillon.")}
