"""Owns what a provider account may be, as far as that can be known without connecting to it.

Never connects and never shows a secret: they are in no repr.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import enum
import re
from dataclasses import dataclass, field

from services.delivery.senders.destination import Destinations, Origin, is_public
from services.delivery.senders.smtp_session import PORTS as SMTP_PORTS
from services.runtime.errors import Invalid

NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*\.?", re.IGNORECASE)
PRIVATE_ENDINGS = (".localhost", ".local", ".internal")
SECRET_PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)  # Standard Webhooks, "Signature scheme"
MADE_SECRET_BYTES = 32
MOST_CONNECTIONS = 50
MOST_SECONDS = 300
RECIPIENTS = range(500, 2001)
MAX_URL = 2000
MAX_CREDENTIAL = 255  # RFC 4616 section 2


class Security(enum.IntEnum):
    """As carillon.delivery.v1.SmtpProvider.Security; the value of each is its number there."""

    STARTTLS = 1
    TLS = 2
    PLAIN = 3


DEFAULT_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.PLAIN: 25}


@dataclass(frozen=True, slots=True)
class SmtpProvider:
    """A server that takes emails."""

    host: str
    port: int
    security: Security
    username: str
    password: str = field(repr=False)
    allow_plaintext_auth: bool
    connections: int
    timeout_seconds: int


@dataclass(frozen=True, slots=True)
class HttpProvider:
    """An endpoint that takes many recipients in a call."""

    url: str
    signing_secret: str = field(repr=False)
    recipients_per_call: int
    connections: int
    timeout_seconds: int


Provider = SmtpProvider | HttpProvider


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """A provider that a project sends through."""

    id: bytes
    project: bytes
    display_name: str
    provider: Provider
    create_time: datetime.datetime


def smtp_provider(
    *,
    host: str,
    port: int,
    security: int,
    username: str,
    password: str,
    allow_plaintext_auth: bool,
    connections: int,
    timeout_seconds: int,
    destinations: Destinations,
    path: str,
) -> SmtpProvider:
    """The account that these make, with defaults for what is 0 or empty. Raises Invalid."""
    if security not in (0, *Security):
        raise Invalid("SECURITY_INVALID", "There is no such kind of security.", field=f"{path}.security")
    kind = Security(security or Security.STARTTLS)
    port = port or DEFAULT_PORTS[kind]
    if not 0 < port < 65_536:
        raise Invalid("PORT_INVALID", "A port is 1 to 65535.", field=f"{path}.port")
    origin = Origin("smtp", host.lower(), port)
    _check_host(origin, destinations, path=f"{path}.host")
    if port not in SMTP_PORTS and not destinations.is_private(origin):
        message = f"Mail is handed in at port {', '.join(map(str, sorted(SMTP_PORTS)))}."
        raise Invalid("PORT_NOT_ALLOWED", message, field=f"{path}.port")
    _check_credential(username, path=f"{path}.username")
    _check_credential(password, path=f"{path}.password")
    if bool(username) != bool(password):
        missing = "password" if username else "username"
        raise Invalid("FIELD_REQUIRED", "User name and password go together.", field=f"{path}.{missing}")
    if password and kind is Security.PLAIN and not allow_plaintext_auth:
        message = "A password does not go over an unprotected connection unless allow_plaintext_auth says so."
        raise Invalid("PLAINTEXT_AUTH_NOT_ALLOWED", message, field=f"{path}.security")
    return SmtpProvider(
        host=host.lower(),
        port=port,
        security=kind,
        username=username,
        password=password,
        allow_plaintext_auth=allow_plaintext_auth,
        connections=_within(connections, range(1, MOST_CONNECTIONS + 1), default=10, path=f"{path}.connections"),
        timeout_seconds=_within(
            timeout_seconds, range(1, MOST_SECONDS + 1), default=30, path=f"{path}.timeout_seconds"
        ),
    )


def http_provider(
    *,
    url: str,
    signing_secret: str,
    made_secret: bytes,
    recipients_per_call: int,
    connections: int,
    timeout_seconds: int,
    destinations: Destinations,
    path: str,
) -> HttpProvider:
    """The account that these make, with defaults for what is 0 or empty. Raises Invalid."""
    _check_url(url, destinations, path=f"{path}.url")
    if signing_secret:
        _check_secret(signing_secret, path=f"{path}.signing_secret")
    return HttpProvider(
        url=url,
        signing_secret=signing_secret or SECRET_PREFIX + base64.b64encode(made_secret).decode(),
        recipients_per_call=_within(recipients_per_call, RECIPIENTS, default=1_000, path=f"{path}.recipients_per_call"),
        connections=_within(connections, range(1, MOST_CONNECTIONS + 1), default=4, path=f"{path}.connections"),
        timeout_seconds=_within(
            timeout_seconds, range(1, MOST_SECONDS + 1), default=30, path=f"{path}.timeout_seconds"
        ),
    )


def check_display_name(name: str, *, path: str) -> None:
    """Invalid unless it is 1 to 200 characters."""
    if not 1 <= len(name) <= 200 or "\0" in name:
        raise Invalid("DISPLAY_NAME_INVALID", "A name is 1 to 200 characters.", field=path)


def secret_bytes(signing_secret: str) -> bytes:
    """The key that `whsec_…` spells. Raises ValueError where it spells none."""
    if not signing_secret.startswith(SECRET_PREFIX):
        raise ValueError("a signing secret begins with whsec_")
    try:
        key = base64.b64decode(signing_secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a signing secret is base64") from None
    if len(key) not in SECRET_BYTES:
        raise ValueError("a signing secret is 24 to 64 bytes")
    return key


def _check_secret(signing_secret: str, *, path: str) -> None:
    try:
        secret_bytes(signing_secret)
    except ValueError:
        message = "A signing secret is whsec_ and 24 to 64 bytes in base64."
        raise Invalid("SIGNING_SECRET_INVALID", message, field=path) from None


def _check_url(url: str, destinations: Destinations, *, path: str) -> None:
    try:
        if len(url) > MAX_URL:
            raise ValueError
        origin, _ = destinations.read(url)
    except ValueError:
        raise Invalid("URL_INVALID", "An https URL is needed.", field=path) from None
    _check_host(origin, destinations, path=path)


def _check_host(origin: Origin, destinations: Destinations, *, path: str) -> None:
    """What is an address, or plainly no public name; names are judged by their addresses when they are connected to."""
    try:
        public = is_public(origin.host.strip("[]"))
    except ValueError:
        if not NAME.fullmatch(origin.host) or origin.host.rstrip(".")[-1:].isdigit():
            raise Invalid("HOST_INVALID", "A host's name or address is needed.", field=path) from None
        public = "." in origin.host.rstrip(".") and not origin.host.rstrip(".").endswith(PRIVATE_ENDINGS)
    if not public and not destinations.is_private(origin):
        raise Invalid("HOST_NOT_ALLOWED", "A public host is needed.", field=path)


def _check_credential(text: str, *, path: str) -> None:
    if len(text.encode(errors="replace")) > MAX_CREDENTIAL or any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise Invalid("CREDENTIAL_INVALID", "At most 255 bytes, none of them a control character.", field=path)


def _within(value: int, allowed: range, *, default: int, path: str) -> int:
    if value and value not in allowed:
        message = f"A number from {allowed[0]:,} to {allowed[-1]:,} is needed."
        raise Invalid("OUT_OF_RANGE", message, field=path)
    return value or default
