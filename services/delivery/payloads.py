"""Owns what a push carries to the service worker: a JSON object, built once per run but for the message's id."""

from __future__ import annotations

import json

from carillon.campaigns.v1.campaigns_pb2 import PushContent

from services import names
from services.delivery.domain.message_identity import spell_message_id


class PushPayload:
    """`{"id", "campaign", "title", "body", "icon", "image", "url", "actions"}`; absent parts are left out."""

    def __init__(self, *, campaign: bytes, content: PushContent) -> None:
        shown = {
            "campaign": names.spell("campaigns", campaign),
            "title": content.title,
            "body": content.body,
            "icon": content.icon_url,
            "image": content.image_url,
            "url": content.click_url,
            "actions": [
                {"action": item.action, "title": item.title, "url": item.url or content.click_url}
                for item in content.actions
            ],
        }
        present = {key: value for key, value in shown.items() if value}
        self._tail = ("," + json.dumps(present, ensure_ascii=False, separators=(",", ":"))[1:]).encode()

    def of(self, message_id: bytes) -> bytes:
        """The payload of one message."""
        return b'{"id":"' + spell_message_id(message_id).encode() + b'"' + self._tail
