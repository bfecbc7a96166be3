"""What the service worker is given."""

from __future__ import annotations

import json
from typing import Any

from carillon.campaigns.v1.campaigns_pb2 import PushAction, PushContent
from hypothesis import given
from hypothesis import strategies as st

from services import names
from services.delivery.domain.message_identity import spell_message_id
from services.delivery.payloads import PushPayload

CAMPAIGN, MESSAGE, TOKEN = bytes(range(12)), bytes(range(16)), b"t" * 40
PUBLIC_URL = "https://carillon.example"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def payload(content: PushContent) -> bytes:
    return PushPayload(campaign=CAMPAIGN, content=content, public_url=PUBLIC_URL).of(MESSAGE, TOKEN)


def shown(content: PushContent) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(payload(content))
    return parsed


@given(texts, texts)
def test_a_payload_is_json_whatever_is_written(title: str, body: str) -> None:
    parsed = shown(PushContent(title=title, body=body))

    assert (parsed.get("title", ""), parsed.get("body", "")) == (title, body)


def test_a_payload_names_its_message_its_link_and_its_campaign() -> None:
    parsed = shown(PushContent(title="Hello"))

    assert parsed == {
        "id": spell_message_id(MESSAGE),
        "report": f"{PUBLIC_URL}/r/{'t' * 40}",
        "campaign": names.spell("campaigns", CAMPAIGN),
        "title": "Hello",
    }


def test_every_part_of_the_content_is_carried() -> None:
    content = PushContent(
        title="T",
        body="B",
        icon_url="https://example.com/icon",
        image_url="https://example.com/image",
        click_url="https://example.com/",
        actions=[PushAction(action="buy", title="Buy", url="https://example.com/buy")],
    )

    parsed = shown(content)

    assert len(content.ListFields()) == len(PushContent.DESCRIPTOR.fields)
    assert parsed | {"id": "", "report": "", "campaign": ""} == {
        "id": "",
        "report": "",
        "campaign": "",
        "title": "T",
        "body": "B",
        "icon": "https://example.com/icon",
        "image": "https://example.com/image",
        "url": "https://example.com/",
        "actions": [{"action": "buy", "title": "Buy", "url": "https://example.com/buy"}],
    }


def test_a_button_without_a_link_leads_where_the_push_leads() -> None:
    content = PushContent(title="T", click_url="https://example.com/", actions=[PushAction(action="a", title="A")])

    assert shown(content)["actions"][0]["url"] == "https://example.com/"


def test_umlauts_stay_as_short_as_they_are() -> None:
    payload = PushPayload(campaign=CAMPAIGN, content=PushContent(title="Grüße"), public_url=PUBLIC_URL).of(
        MESSAGE, TOKEN
    )

    assert "Grüße".encode() in payload
