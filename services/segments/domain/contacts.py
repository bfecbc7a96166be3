"""Owns what a contact may be. Every refusal names the exact field, such as `contacts[3].tags[0]`.

Never stores one.
"""

from __future__ import annotations

import functools
import hashlib
import re
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.runtime.errors import Invalid
from services.segments.domain.filters import BUILT_IN

MAX_BATCH = 1000
NAMELESS = "browser-"  # begins the external id of a contact that is a browser and no more
MAX_EXTERNAL_ID = 200
MAX_TAG = 100
MAX_ATTRIBUTES = 50
MAX_ATTRIBUTE_KEY = 64
MAX_ATTRIBUTE_VALUE = 500
RESERVED_TAG = "did-not-open"
COUNTRY = re.compile(r"[A-Z]{2}")
LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
MAX_LOCALE = 35  # RFC 5646, section 4.4.1
TIME_ZONE = re.compile(r"[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*")


@dataclass(frozen=True, slots=True)
class Subscription:
    """One browser's agreement, its keys decoded."""

    endpoint: str
    p256dh: bytes
    auth: bytes


@dataclass(frozen=True, slots=True)
class Contact:
    """A person as a project describes one."""

    external_id: str
    country: str
    locale: str
    time_zone: str
    tags: tuple[str, ...]
    attributes: Mapping[str, str]
    subscriptions: tuple[Subscription, ...]
    email: str = ""  # as read_mailbox keeps it; empty where the person has none


def nameless_id(endpoint: str) -> str:
    """The external id of the contact that this browser is as long as nobody says whose it is."""
    return NAMELESS + hashlib.blake2b(endpoint.encode(), digest_size=16).hexdigest()


def check_batch(contacts: Sequence[Contact]) -> None:
    """Invalid where a contact may not be, or where two are the same person or share a browser."""
    people: set[str] = set()
    browsers: set[str] = set()
    for index, contact in enumerate(contacts):
        path = f"contacts[{index}]"
        check_contact(contact, path)
        if contact.external_id in people:
            raise Invalid(
                "DUPLICATE_EXTERNAL_ID", "Each contact stands once in a request.", field=f"{path}.external_id"
            )
        people.add(contact.external_id)
        for place, subscription in enumerate(contact.subscriptions):
            if subscription.endpoint in browsers:
                field = f"{path}.push_subscriptions[{place}].endpoint"
                raise Invalid("DUPLICATE_ENDPOINT", "Each endpoint stands once in a request.", field=field)
            browsers.add(subscription.endpoint)


def check_contact(contact: Contact, path: str) -> None:
    """Invalid where one of its own fields may not be; subscriptions are checked as they are read."""
    _check_text(contact.external_id, f"{path}.external_id", longest=MAX_EXTERNAL_ID)
    check_place(contact, f"{path}.")
    _check_tags(contact.tags, f"{path}.tags")
    _check_attributes(contact.attributes, f"{path}.attributes")


def check_place(contact: Contact, prefix: str) -> None:
    """Invalid where country, locale or time zone are none; `prefix` stands before their names in a path."""
    if contact.country and not COUNTRY.fullmatch(contact.country):
        raise Invalid("COUNTRY_INVALID", "A country is two capital letters (ISO 3166).", field=f"{prefix}country")
    if contact.locale and not (len(contact.locale) <= MAX_LOCALE and LOCALE.fullmatch(contact.locale)):
        raise Invalid("LOCALE_INVALID", "A locale is a BCP 47 language tag, such as pt-BR.", field=f"{prefix}locale")
    if contact.time_zone and not is_time_zone(contact.time_zone):
        raise Invalid("TIME_ZONE_INVALID", "A time zone is an IANA name.", field=f"{prefix}time_zone")


def is_time_zone(name: str) -> bool:
    """Whether this is the name of a time zone; by its shape alone where the machine has no list of them."""
    known = _time_zones()
    return name in known if known else bool(TIME_ZONE.fullmatch(name))


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _check_tags(tags: Iterable[str], path: str) -> None:
    for index, tag in enumerate(tags):
        _check_text(tag, f"{path}[{index}]", longest=MAX_TAG)
        if tag == RESERVED_TAG:
            raise Invalid("RESERVED_TAG", f"No contact may carry the tag {RESERVED_TAG}.", field=f"{path}[{index}]")


def _check_attributes(attributes: Mapping[str, str], path: str) -> None:
    if len(attributes) > MAX_ATTRIBUTES:
        raise Invalid("TOO_MANY_ATTRIBUTES", f"A contact has at most {MAX_ATTRIBUTES} attributes.", field=path)
    for key, value in attributes.items():
        place = f'{path}["{key}"]'
        _check_text(key, place, longest=MAX_ATTRIBUTE_KEY)
        _check_text(value, place, longest=MAX_ATTRIBUTE_VALUE, shortest=0)
        if key in BUILT_IN:
            raise Invalid("RESERVED_ATTRIBUTE", f"{key} is a field of the contact itself.", field=place)


def _check_text(text: str, path: str, *, longest: int, shortest: int = 1) -> None:
    if not shortest <= len(text) <= longest:
        raise Invalid("LENGTH_OUT_OF_RANGE", f"This takes {shortest} to {longest} characters.", field=path)
    if "\0" in text:
        raise Invalid("NUL_REFUSED", "Text cannot contain a NUL character.", field=path)
