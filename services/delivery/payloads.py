"""Owns what a push carries to the service worker: a JSON object, built once per run but for what names
the message: its id and its signed link.
"""

from __future__ import annotations

import json

from carillon.campaigns.v1.campaigns_pb2 import PushContent

from services import names
from services.delivery.domain.message_identity import spell_message_id


class PushPayload:
    """`{"id", "report", "campaign", "title", "body", "icon", "image", "url", "actions"}`; absent parts are left out."""

    def __init__(self, *, campaign: bytes, content: PushContent, public_url: str) -> None:
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
        report = json.dumps(f"{public_url}/r/", ensure_ascii=False)[:-1]
        self._middle = f'","report":{report}'.encode()

    def of(self, message_id: bytes, token: bytes) -> bytes:
        """The payload of one message; `token` names it where its receipts are reported."""
        return b'{"id":"' + spell_message_id(message_id).encode() + self._middle + token + b'"' + self._tail
