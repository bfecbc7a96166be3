"""What a contact may be."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from services.runtime.errors import Invalid
from services.segments.domain.contacts import RESERVED_TAG, Contact, Subscription, check_batch

ANNA = Contact(
    external_id="anna",
    country="DE",
    locale="de-DE",
    time_zone="Europe/Berlin",
    tags=("vip",),
    attributes={"plan": "pro"},
    subscriptions=(),
)


def anna(**changes: Any) -> Contact:
    return dataclasses.replace(ANNA, **changes)


def browser(endpoint: str) -> Subscription:
    return Subscription(endpoint, b"\4" * 65, b"a" * 16)


def refusal(*contacts: Contact) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        check_batch(contacts)
    return caught.value.reason, caught.value.field


def test_a_full_and_a_bare_contact_are_accepted() -> None:
    check_batch([ANNA, Contact("b" * 200, "", "", "", (), {}, ())])


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"external_id": ""}, "LENGTH_OUT_OF_RANGE", "external_id"),
        ({"external_id": "x" * 201}, "LENGTH_OUT_OF_RANGE", "external_id"),
        ({"external_id": "a\0"}, "NUL_REFUSED", "external_id"),
        ({"country": "de"}, "COUNTRY_INVALID", "country"),
        ({"country": "DEU"}, "COUNTRY_INVALID", "country"),
        ({"locale": "de_DE"}, "LOCALE_INVALID", "locale"),
        ({"locale": "de" + "-abcdefgh" * 5}, "LOCALE_INVALID", "locale"),
        ({"time_zone": "Europe/Atlantis\0"}, "TIME_ZONE_INVALID", "time_zone"),
        ({"tags": ("ok", "")}, "LENGTH_OUT_OF_RANGE", "tags[1]"),
        ({"tags": ("ok", "t" * 101)}, "LENGTH_OUT_OF_RANGE", "tags[1]"),
        ({"tags": (RESERVED_TAG,)}, "RESERVED_TAG", "tags[0]"),
        ({"attributes": {str(key): "" for key in range(51)}}, "TOO_MANY_ATTRIBUTES", "attributes"),
        ({"attributes": {"k" * 65: ""}}, "LENGTH_OUT_OF_RANGE", f'attributes["{"k" * 65}"]'),
        ({"attributes": {"k": "v" * 501}}, "LENGTH_OUT_OF_RANGE", 'attributes["k"]'),
        ({"attributes": {"k": "\0"}}, "NUL_REFUSED", 'attributes["k"]'),
        ({"attributes": {"tags": "x"}}, "RESERVED_ATTRIBUTE", 'attributes["tags"]'),
    ],
)
def test_what_may_not_be_is_refused_at_its_field(changes: dict[str, Any], reason: str, field: str) -> None:
    assert refusal(anna(external_id="first"), anna(**changes)) == (reason, f"contacts[1].{field}")


def test_a_person_stands_once_in_a_request() -> None:
    assert refusal(ANNA, anna(country="FR")) == ("DUPLICATE_EXTERNAL_ID", "contacts[1].external_id")


def test_a_browser_stands_once_in_a_request() -> None:
    here, there = browser("https://push.example.com/1"), browser("https://push.example.com/2")

    assert refusal(anna(subscriptions=(here,)), anna(external_id="b", subscriptions=(there, here))) == (
        "DUPLICATE_ENDPOINT",
        "contacts[1].push_subscriptions[1].endpoint",
    )
