"""What a provider account may be, as far as that is known without connecting."""

from __future__ import annotations

from typing import Any

import pytest

from services.delivery.domain.accounts import (
    HttpProvider,
    Security,
    SmtpProvider,
    http_provider,
    secret_bytes,
    smtp_provider,
)
from services.delivery.senders.destination import Destinations
from services.runtime.errors import Invalid

LISTED = Destinations(frozenset({"127.0.0.1:2525", "127.0.0.1:9025", "mail:25"}))


def smtp(**changes: Any) -> SmtpProvider:
    given: dict[str, Any] = {
        "host": "smtp.example.com",
        "port": 0,
        "security": 0,
        "username": "",
        "password": "",
        "allow_plaintext_auth": False,
        "connections": 0,
        "timeout_seconds": 0,
    }
    return smtp_provider(**given | changes, destinations=LISTED, path="smtp")


def http(**changes: Any) -> HttpProvider:
    given: dict[str, Any] = {
        "url": "https://hooks.example.com/in?x=1",
        "signing_secret": "",
        "made_secret": bytes(32),
        "recipients_per_call": 0,
        "connections": 0,
        "timeout_seconds": 0,
    }
    return http_provider(**given | changes, destinations=LISTED, path="http")


def test_what_is_left_out_has_a_default() -> None:
    made = smtp()

    assert (made.security, made.port, made.connections, made.timeout_seconds) == (Security.STARTTLS, 587, 10, 30)
    assert smtp(security=2).port == 465
    assert smtp(security=3).port == 25
    assert (http().recipients_per_call, http().connections, http().timeout_seconds) == (1_000, 4, 30)


@pytest.mark.parametrize("host", ["mx.example.com", "MX.Example.com", "mx.example.com.", "8.8.8.8", "2606:4700::1111"])
def test_a_public_host_is_taken(host: str) -> None:
    assert smtp(host=host).host == host.lower()


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"host": ""}, "host", "HOST_INVALID"),
        ({"host": "a b"}, "host", "HOST_INVALID"),
        ({"host": "example.com\r\nRCPT"}, "host", "HOST_INVALID"),
        ({"host": "smtp.example.com:25"}, "host", "HOST_INVALID"),
        ({"host": "1.2.3"}, "host", "HOST_INVALID"),
        ({"host": "x" * 64 + ".example.com"}, "host", "HOST_INVALID"),
        ({"host": "localhost"}, "host", "HOST_NOT_ALLOWED"),
        ({"host": "mail.internal"}, "host", "HOST_NOT_ALLOWED"),
        ({"host": "127.0.0.1", "port": 25}, "host", "HOST_NOT_ALLOWED"),
        ({"host": "10.1.2.3"}, "host", "HOST_NOT_ALLOWED"),
        ({"host": "::ffff:10.1.2.3"}, "host", "HOST_NOT_ALLOWED"),
        ({"host": "169.254.169.254"}, "host", "HOST_NOT_ALLOWED"),
        ({"port": 65_536}, "port", "PORT_INVALID"),
        ({"port": -1}, "port", "PORT_INVALID"),
        ({"port": 22}, "port", "PORT_NOT_ALLOWED"),
        ({"security": 9}, "security", "SECURITY_INVALID"),
        ({"username": "ann"}, "password", "FIELD_REQUIRED"),
        ({"password": "x"}, "username", "FIELD_REQUIRED"),
        ({"username": "a\0b", "password": "x"}, "username", "CREDENTIAL_INVALID"),
        ({"username": "ann", "password": "x\r\n"}, "password", "CREDENTIAL_INVALID"),
        ({"username": "ann", "password": "x" * 256}, "password", "CREDENTIAL_INVALID"),
        ({"username": "ann", "password": "x", "security": 3}, "security", "PLAINTEXT_AUTH_NOT_ALLOWED"),
        ({"connections": 51}, "connections", "OUT_OF_RANGE"),
        ({"connections": -1}, "connections", "OUT_OF_RANGE"),
        ({"timeout_seconds": 301}, "timeout_seconds", "OUT_OF_RANGE"),
    ],
)
def test_a_wrong_smtp_server_is_refused_by_field(changes: Any, field: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        smtp(**changes)

    assert (refused.value.field, refused.value.reason) == (f"smtp.{field}", reason)


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"url": ""}, "url", "URL_INVALID"),
        ({"url": "http://hooks.example.com/"}, "url", "URL_INVALID"),
        ({"url": "https://user:x@hooks.example.com/"}, "url", "URL_INVALID"),
        ({"url": "https://hooks.example.com/\r\nX: y"}, "url", "URL_INVALID"),
        ({"url": "https://hooks.example.com/" + "x" * 2000}, "url", "URL_INVALID"),
        ({"url": "https://127.0.0.1/"}, "url", "HOST_NOT_ALLOWED"),
        ({"url": "https://[::1]/"}, "url", "HOST_NOT_ALLOWED"),
        ({"signing_secret": "whsec_"}, "signing_secret", "SIGNING_SECRET_INVALID"),
        ({"signing_secret": "whsec_!!"}, "signing_secret", "SIGNING_SECRET_INVALID"),
        ({"signing_secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "signing_secret", "SIGNING_SECRET_INVALID"),
        ({"recipients_per_call": 499}, "recipients_per_call", "OUT_OF_RANGE"),
        ({"recipients_per_call": 2001}, "recipients_per_call", "OUT_OF_RANGE"),
    ],
)
def test_a_wrong_endpoint_is_refused_by_field(changes: Any, field: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        http(**changes)

    assert (refused.value.field, refused.value.reason) == (f"http.{field}", reason)


def test_a_listed_host_may_be_private() -> None:
    assert smtp(host="127.0.0.1", port=9025).port == 9025
    assert smtp(host="mail", port=25).host == "mail"
    assert http(url="http://127.0.0.1:2525/x").url == "http://127.0.0.1:2525/x"


def test_a_secret_is_made_where_none_is_given() -> None:
    assert secret_bytes(http(made_secret=b"k" * 32).signing_secret) == b"k" * 32
    assert http(signing_secret="whsec_" + "TWFu" * 8).signing_secret == "whsec_" + "TWFu" * 8


def test_no_repr_shows_a_secret() -> None:
    password, key = "correct horse", http(made_secret=b"k" * 32)

    assert password not in repr(smtp(username="ann", password=password))
    assert key.signing_secret not in repr(key)
