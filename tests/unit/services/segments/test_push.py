"""What a push subscription may be."""

from __future__ import annotations

import base64

import pytest

from services.runtime.errors import Invalid
from services.segments.domain.push import check_endpoint, read_auth, read_p256dh, write_key

SANDBOX = frozenset({"127.0.0.1:8090"})
PATH = "contacts[3].push_subscriptions[0].endpoint"
POINT = b"\4" + bytes(range(64))


def spelled(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


@pytest.mark.parametrize(
    "url",
    [
        "https://fcm.googleapis.com/fcm/send/dQw4:APA91b",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAA",
        "https://web.push.apple.com:443/Q?x=1",
        "https://8.8.8.8/x",
        "http://127.0.0.1:8090/push/1",
    ],
)
def test_public_https_and_what_is_listed_is_accepted(url: str) -> None:
    check_endpoint(url, PATH, allowed_private_hosts=SANDBOX)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "ENDPOINT_INVALID"),
        ("ftp://push.example.com/x", "ENDPOINT_INVALID"),
        ("https://push.example.com/a b", "ENDPOINT_INVALID"),
        ("https://push.example.com/\0", "ENDPOINT_INVALID"),
        ("https://push.example.com/#part", "ENDPOINT_INVALID"),
        ("https://user:secret@push.example.com/", "ENDPOINT_INVALID"),
        ("https://push.example.com:99999/", "ENDPOINT_INVALID"),
        ("https://push.example.com\\@127.0.0.1/", "ENDPOINT_INVALID"),
        ("https://push.example.com/" + "x" * 2000, "ENDPOINT_INVALID"),
        ("http://push.example.com/x", "ENDPOINT_NOT_ALLOWED"),
        ("http://127.0.0.1:8091/x", "ENDPOINT_NOT_ALLOWED"),
        ("https://127.0.0.1/x", "ENDPOINT_NOT_ALLOWED"),
        ("https://127.1/x", "ENDPOINT_NOT_ALLOWED"),
        ("https://2130706433/x", "ENDPOINT_NOT_ALLOWED"),
        ("https://10.0.0.1/x", "ENDPOINT_NOT_ALLOWED"),
        ("https://169.254.169.254/x", "ENDPOINT_NOT_ALLOWED"),
        ("https://[::1]/x", "ENDPOINT_NOT_ALLOWED"),
        ("https://localhost/x", "ENDPOINT_NOT_ALLOWED"),
        ("https://db.internal/x", "ENDPOINT_NOT_ALLOWED"),
    ],
)
def test_everything_else_is_refused_at_its_field(url: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_endpoint(url, PATH, allowed_private_hosts=SANDBOX)

    assert (caught.value.reason, caught.value.field) == (reason, PATH)


def test_keys_are_read_with_and_without_padding_and_written_without() -> None:
    assert read_p256dh(spelled(POINT), "p") == read_p256dh(spelled(POINT).rstrip("="), "p") == POINT
    assert read_auth(spelled(b"a" * 16), "a") == b"a" * 16
    assert write_key(POINT) == spelled(POINT).rstrip("=")


@pytest.mark.parametrize(
    "text",
    ["", spelled(POINT[:64]), spelled(POINT + b"x"), spelled(b"\2" + POINT[1:]), spelled(POINT)[:-1] + "é", "*" * 88],
)
def test_a_key_that_is_no_uncompressed_point_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="65 bytes") as caught:
        read_p256dh(text, "contacts[0].push_subscriptions[0].p256dh")

    assert caught.value.field == "contacts[0].push_subscriptions[0].p256dh"


def test_an_authentication_secret_has_sixteen_bytes() -> None:
    with pytest.raises(Invalid, match="16 bytes"):
        read_auth(spelled(b"a" * 15), "auth")
