"""A dialect's OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.dialects.reachbell import REACHBELL
from gateway.openapi.comments import Comments
from gateway.openapi.document import document
from gateway.refusal import PLAIN

DESCRIPTORS = Path(__file__).parents[3] / "proto" / "gen" / "carillon.binpb"
WRITTEN: dict[str, Any] = json.loads(
    json.dumps(document(REACHBELL, Comments.of(DESCRIPTORS.read_bytes()), server="http://127.0.0.1:8081"))
)
OPERATIONS = {
    operation["operationId"]: operation for methods in WRITTEN["paths"].values() for operation in methods.values()
}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (text for name, text in value.items() if name == "$ref")
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


def test_every_operation_is_there_with_its_path() -> None:
    assert set(OPERATIONS) == {method.name for service in REACHBELL.services for method in service.methods}
    assert set(WRITTEN["paths"]) == {
        "/campaigns",
        "/campaigns/{id}",
        "/campaigns/{id}/send",
        "/campaigns/{id}/stream",
        "/campaigns/project/{projectId}",
        "/campaigns/export/project/{file}",
    }


def test_every_reference_leads_somewhere() -> None:
    for reference in references(WRITTEN):
        found: Any = WRITTEN
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


@pytest.mark.parametrize(
    ("operation", "statuses"),
    [
        ("CreateCampaign", {"201"}),
        ("GetCampaign", {"200"}),
        ("DeleteCampaign", {"204"}),
        ("SendCampaign", {"200", "201"}),
        ("StreamCampaign", {"200", "204"}),
    ],
)
def test_what_is_answered_is_told(operation: str, statuses: set[str]) -> None:
    answers = OPERATIONS[operation]["responses"]

    assert {status for status in answers if status < "300"} == statuses
    assert {int(status) for status in answers if status >= "300"} == set(PLAIN) - {500}
    assert "content" not in answers.get("204", {})


def test_what_is_sent_is_strict_and_what_is_answered_is_whole() -> None:
    schemas = WRITTEN["components"]["schemas"]

    assert schemas["CreateCampaignRequestSent"]["required"] == ["name", "projectId"]
    assert schemas["CreateCampaignRequestSent"]["additionalProperties"] is False
    assert "required" not in schemas["CampaignPatchSent"]
    assert set(schemas["SendCampaignRequestSent"]["properties"]) == {"segment"}
    assert set(schemas["Stats"]["required"]) == set(schemas["Stats"]["properties"])
    assert schemas["Error"]["properties"]["error"]["properties"]["field"]["type"] == ["null", "string"]


def test_a_body_is_needed_where_the_door_says_so() -> None:
    needed = {name: body["required"] for name, item in OPERATIONS.items() if (body := item.get("requestBody"))}

    assert needed == {"CreateCampaign": True, "UpdateCampaign": True, "SendCampaign": False}


def test_everything_has_a_description() -> None:
    parameters = [parameter for operation in OPERATIONS.values() for parameter in operation["parameters"]]
    properties = [
        member
        for name, schema in WRITTEN["components"]["schemas"].items()
        if name != "Error"
        for member in schema["properties"].values()
    ]

    assert all(item["description"] for item in (*OPERATIONS.values(), *parameters, *properties))
