"""Owns what a campaign's calls of the project's own endpoint may carry.

Never changes anything: each check raises Invalid with the field's path, or returns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from services.runtime.errors import Invalid

MAX_CONTENT_BYTES = 64 * 1024
MAX_FIELDS = 50
MAX_FIELD_NAME = 64


@dataclass(frozen=True, slots=True)
class HttpContent:
    """What each call carries beside its recipients; `content` is a JSON object as text, `{}` where empty."""

    provider_account: bytes | None = None
    content: str = ""
    contact_fields: tuple[str, ...] = ()


def check_http(content: HttpContent, *, path: str) -> None:
    """What is there is within its limits; drafts may lack the rest."""
    if content.content:
        _check_object(content.content, f"{path}.content")
    if len(content.contact_fields) > MAX_FIELDS:
        raise Invalid("TOO_MANY_FIELDS", f"At most {MAX_FIELDS} fields.", field=f"{path}.contact_fields")
    for index, field in enumerate(content.contact_fields):
        place = f"{path}.contact_fields[{index}]"
        if not 1 <= len(field) <= MAX_FIELD_NAME or "\0" in field:
            raise Invalid("FIELD_NAME_INVALID", f"A field's name has 1 to {MAX_FIELD_NAME} characters.", field=place)
        if field in content.contact_fields[:index]:
            raise Invalid("FIELD_REPEATED", "Another field has this name.", field=place)


def _check_object(text: str, field: str) -> None:
    if len(text.encode()) > MAX_CONTENT_BYTES:
        raise Invalid("TEXT_TOO_LONG", "At most 64 kB.", field=field)
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()  # a half of a surrogate pair cannot be written again
    except (ValueError, RecursionError) as error:
        raise Invalid("JSON_INVALID", "This is no JSON.", field=field) from error
    if not isinstance(value, dict):
        raise Invalid("JSON_INVALID", "A JSON object is needed.", field=field)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def check_http_can_start(content: HttpContent | None, *, path: str) -> None:
    """A call needs an account that says where to."""
    if content is None or content.provider_account is None:
        raise Invalid("FIELD_REQUIRED", "Calls are made by an account.", field=f"{path}.provider_account")
