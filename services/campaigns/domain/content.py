"""Owns what a campaign may say: its parts, their limits, and what a start needs.

Never changes anything: each check raises Invalid with the field's path, or returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from services.runtime.errors import Invalid

MAX_ACTIONS = 10
MAX_URL = 2048


@dataclass(frozen=True, slots=True)
class PushAction:
    """One button; `url` is empty where the campaign's own is meant."""

    action: str
    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class PushContent:
    """What a push shows and where it leads; empty strings are absent."""

    title: str = ""
    body: str = ""
    icon_url: str = ""
    image_url: str = ""
    click_url: str = ""
    actions: tuple[PushAction, ...] = ()


def check_text(value: str, *, field: str, most: int, least: int = 0) -> None:
    """A text of `least` to `most` characters, not blank where it is needed, without NUL."""
    if "\0" in value:
        raise Invalid("TEXT_INVALID", "A NUL character is not allowed.", field=field)
    if len(value) > most:
        raise Invalid("TEXT_TOO_LONG", f"At most {most} characters.", field=field)
    if least and not value.strip():
        raise Invalid("FIELD_REQUIRED", "This is required.", field=field)


def check_url(value: str, *, field: str) -> None:
    """An absolute http or https URL, or nothing."""
    check_text(value, field=field, most=MAX_URL)
    if not value:
        return
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or any(character.isspace() or not character.isprintable() for character in value):
        raise Invalid("URL_INVALID", "An http or https URL is needed.", field=field)


def check_push(content: PushContent, *, field: str) -> None:
    """What is there is within its limits; drafts may lack the rest."""
    check_text(content.title, field=f"{field}.title", most=200)
    check_text(content.body, field=f"{field}.body", most=2000)
    for name in ("icon_url", "image_url", "click_url"):
        check_url(getattr(content, name), field=f"{field}.{name}")
    if len(content.actions) > MAX_ACTIONS:
        raise Invalid("TOO_MANY_ACTIONS", f"At most {MAX_ACTIONS} actions.", field=f"{field}.actions")
    for index, action in enumerate(content.actions):
        path = f"{field}.actions[{index}]"
        check_text(action.action, field=f"{path}.action", most=100, least=1)
        check_text(action.title, field=f"{path}.title", most=100, least=1)
        check_url(action.url, field=f"{path}.url")
        if action.action in [earlier.action for earlier in content.actions[:index]]:
            raise Invalid("ACTION_REPEATED", "Another action has this word.", field=f"{path}.action")


def check_push_can_start(content: PushContent | None, *, field: str) -> None:
    """A push needs a title."""
    if content is None or not content.title.strip():
        raise Invalid("FIELD_REQUIRED", "A push needs a title.", field=f"{field}.title")
