"""Owns what a call of `POST /batches` holds: its recipients, one by one.

Never judges them, and never answers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Recipient(NamedTuple):
    """One recipient of a call; `body` is what it was told, the other recipients left out."""

    to: str
    key: str
    body: bytes


def keys_of(call: dict[str, Any]) -> list[str]:
    """The recipients' keys. Raises TypeError, KeyError or AttributeError where the call is none."""
    recipients = call["recipients"]
    keys = [recipient["key"] for recipient in recipients]
    texts = {type(text) for text in keys} | {type(recipient["to"]) for recipient in recipients}
    fields = {type(recipient.get("fields", {})) for recipient in recipients}
    if not (texts <= {str} and fields <= {dict} and isinstance(call["campaign"], str) and "content" in call):
        raise TypeError("keys, addresses and the campaign are texts, fields are an object")
    return keys


def recipients_of(call: dict[str, Any]) -> Sequence[Recipient]:
    """The recipients in the order of the call."""
    head = _encode({"campaign": call["campaign"], "content": call["content"]})[:-1].encode() + b',"fields":'
    return [
        Recipient(each["to"], each["key"], head + _encode(each.get("fields", {})).encode() + b"}")
        for each in call["recipients"]
    ]
