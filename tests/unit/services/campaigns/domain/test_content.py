"""What a push may say, to the character, and which URLs it may lead to."""

from __future__ import annotations

from typing import Any

import pytest

from services.campaigns.domain.content import MAX_ACTIONS, MAX_URL, check_push, check_push_can_start, check_url
from services.campaigns.domain.utm import Utm, append_utm
from services.runtime.errors import Invalid
from tests.unit.services.campaigns.domain.builders import a_push, an_action


def refused_push(**changes: Any) -> tuple[str, str]:
    with pytest.raises(Invalid) as refused:
        check_push(a_push(**changes), field="push_content")
    return refused.value.field.removeprefix("push_content."), refused.value.reason


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://example.com",
        "https://example.com/",
        "HTTPS://EXAMPLE.COM",
        "https://example.com:8443/a/b?c=d&e=%20#f",
        "https://user:password@example.com/",
        "https://[2001:db8::1]/",
        "https://münchen.example/straße?q=ö",
        "https://example.com/?next=javascript:alert(1)",
        "https://example.com/" + "x" * (MAX_URL - 20),
    ],
)
def test_an_absolute_web_address_is_accepted(url: str) -> None:
    check_url(url, field="click_url")


@pytest.mark.parametrize(
    "url",
    [
        "example.com",
        "/path",
        "//example.com/",
        "javascript:alert(1)",
        "JavaScript://example.com/%0aalert(1)",
        "data:text/html,x",
        "ftp://example.com/",
        "mailto:somebody@example.com",
        "http:",
        "http://",
        "https:///path",
        "https://?query",
        "https://:443/",
        "https:example.com",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:port/",
        "https://[2001:db8::1/",
        "https://example.com/a b",
        " https://example.com/",
        "https://example.com/ ",
        "https://exam\nple.com/",
        "java\tscript:alert(1)",
        "https://example.com/\r\nSet-Cookie: x",
        "\x01https://example.com/",
        "https://example.com/\x7f",
        "https://example.com/\u2028",
        "https://example.com/\u202ecod.exe",
        "https://example.com/\u00a0",
    ],
)
def test_what_is_no_web_address_is_refused_at_its_field(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_url(url, field="push_content.click_url")

    assert (refused.value.field, refused.value.reason) == ("push_content.click_url", "URL_INVALID")


def test_a_url_has_a_longest_length_and_no_nul() -> None:
    for url, reason in [("https://example.com/" + "x" * MAX_URL, "TEXT_TOO_LONG"), ("https://\0", "TEXT_INVALID")]:
        with pytest.raises(Invalid) as refused:
            check_url(url, field="click_url")
        assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("field", "reason", "changes"),
    [
        ("title", "TEXT_TOO_LONG", {"title": "x" * 201}),
        ("title", "TEXT_INVALID", {"title": "\0"}),
        ("body", "TEXT_TOO_LONG", {"body": "x" * 2001}),
        ("icon_url", "URL_INVALID", {"icon_url": "icon.png"}),
        ("image_url", "URL_INVALID", {"image_url": "data:image/png;base64,AA=="}),
        ("click_url", "URL_INVALID", {"click_url": "javascript:alert(1)"}),
        ("actions", "TOO_MANY_ACTIONS", {"actions": tuple(an_action(action=str(n)) for n in range(MAX_ACTIONS + 1))}),
        ("actions[0].action", "FIELD_REQUIRED", {"actions": (an_action(action=" "),)}),
        ("actions[0].action", "TEXT_TOO_LONG", {"actions": (an_action(action="x" * 101),)}),
        ("actions[0].title", "FIELD_REQUIRED", {"actions": (an_action(title=""),)}),
        ("actions[0].title", "TEXT_TOO_LONG", {"actions": (an_action(title="x" * 101),)}),
        ("actions[1].url", "URL_INVALID", {"actions": (an_action(), an_action(action="buy", url="buy"))}),
        ("actions[1].action", "ACTION_REPEATED", {"actions": (an_action(), an_action(title="Again"))}),
    ],
)
def test_what_is_beyond_a_limit_is_refused_at_its_field(field: str, reason: str, changes: dict[str, Any]) -> None:
    assert refused_push(**changes) == (field, reason)


def test_what_is_just_within_its_limits_is_accepted() -> None:
    actions = tuple(an_action(action=f"{n:0100}", title="x" * 100) for n in range(MAX_ACTIONS))

    check_push(a_push(title="x" * 200, body="x" * 2000, actions=actions), field="push_content")


def test_a_draft_may_say_nothing_but_a_start_needs_a_title() -> None:
    nothing = a_push(title="", body="", click_url="")

    check_push(nothing, field="push_content")
    with pytest.raises(Invalid) as refused:
        check_push_can_start(nothing, field="push_content")

    assert (refused.value.field, refused.value.reason) == ("push_content.title", "FIELD_REQUIRED")


def test_a_url_that_is_accepted_stays_acceptable_with_words_appended() -> None:
    appended = append_utm("https://example.com/?q=1#top", Utm(source="a b&c=d#e", campaign="Grüße"))

    check_url(appended, field="click_url")
