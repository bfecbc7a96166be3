"""A browser that a page tells of is a contact without a name."""

from __future__ import annotations

import pytest
from carillon.segments.v1.public_service_pb2 import SubscribeRequest, SubscriptionKeys

from services.runtime.errors import Invalid
from services.segments.contact_messages import read_browser
from services.segments.domain import push
from services.segments.domain.contacts import MAX_EXTERNAL_ID, check_contact

ENDPOINT = "https://push.example.com/send/abc"
KEYS = SubscriptionKeys(p256dh=push.write_key(b"\4" + b"p" * 64), auth=push.write_key(b"a" * 16))


def request(**changes: object) -> SubscribeRequest:
    return SubscribeRequest(**{"endpoint": ENDPOINT, "keys": KEYS, "locale": "de-DE"} | changes)  # type: ignore[arg-type]


def test_the_same_browser_is_the_same_contact_and_another_is_another() -> None:
    first, again = (read_browser(request(), allowed_private_hosts=frozenset()) for _ in range(2))
    other = read_browser(request(endpoint=ENDPOINT + "d"), allowed_private_hosts=frozenset())

    assert first == again
    assert first.external_id.startswith("browser-")
    assert first.external_id != other.external_id
    assert ENDPOINT not in first.external_id


def test_the_longest_endpoint_makes_an_acceptable_contact() -> None:
    contact = read_browser(request(endpoint=ENDPOINT.ljust(push.MAX_ENDPOINT, "x")), allowed_private_hosts=frozenset())

    check_contact(contact, "contact")
    assert len(contact.external_id) <= MAX_EXTERNAL_ID


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"endpoint": "http://push.example.com/x"}, "endpoint"),
        ({"endpoint": "https://127.0.0.1/x"}, "endpoint"),
        ({"keys": SubscriptionKeys(p256dh="x", auth=KEYS.auth)}, "keys.p256dh"),
        ({"keys": SubscriptionKeys(p256dh=KEYS.p256dh, auth="x")}, "keys.auth"),
    ],
)
def test_what_is_no_subscription_is_refused_at_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_browser(request(**changes), allowed_private_hosts=frozenset())

    assert caught.value.field == field
