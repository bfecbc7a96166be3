"""Owns appending UTM words to URLs: an existing query and fragment stay, existing utm keys are replaced."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from urllib.parse import quote, unquote_plus

from services.campaigns.domain.content import PushContent


@dataclass(frozen=True, slots=True)
class Utm:
    """The five words; empty ones are not appended."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    term: str = ""
    content: str = ""


def append_utm(url: str, utm: Utm) -> str:
    """The URL with the words at the end of its query; every other byte of it as it was."""
    words = {f"utm_{field.name}": getattr(utm, field.name) for field in fields(utm) if getattr(utm, field.name)}
    if not url or not words:
        return url
    rest, hash_sign, fragment = url.partition("#")  # urlsplit would lose an empty one, and the scheme's capitals
    address, _, query = rest.partition("?")
    pairs = query.split("&") if query else []
    kept = [pair for pair in pairs if unquote_plus(pair.partition("=")[0]) not in words]
    added = [f"{key}={quote(value, safe='')}" for key, value in words.items()]
    return f"{address}?{'&'.join([*kept, *added])}{hash_sign}{fragment}"


def with_utm(content: PushContent, utm: Utm) -> PushContent:
    """The content as it is sent: words on the click URL and on every action's, which defaults to the click URL."""
    return replace(
        content,
        click_url=append_utm(content.click_url, utm),
        actions=tuple(
            replace(action, url=append_utm(action.url or content.click_url, utm)) for action in content.actions
        ),
    )
