"""Owns what a push subscription may be (the Push API's words): where it leads and its two keys.

Never connects: that an address is public is checked again when it is connected to.
"""

from __future__ import annotations

import base64
import binascii
import functools
import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from services.runtime.errors import Invalid

MAX_ENDPOINT = 2000  # what the unique index can hold, with room to spare
ENDPOINT = re.compile(r"(?P<origin>https?://[^/?#\\]+)[!\"$-\[\]-~]*")
DEFAULT_PORTS = {"http": 80, "https": 443}
P256DH_BYTES = 65
AUTH_BYTES = 16
UNCOMPRESSED = 4  # the first byte of an uncompressed point


def check_endpoint(url: str, path: str, *, allowed_private_hosts: frozenset[str]) -> None:
    """Invalid unless it is an https URL of a public host, or a URL of a `host:port` that is allowed."""
    match = ENDPOINT.fullmatch(url)
    if len(url) > MAX_ENDPOINT or match is None:
        raise Invalid("ENDPOINT_INVALID", "A push endpoint is an https URL without a fragment.", field=path)
    problem = _origin_problem(match["origin"], allowed_private_hosts)
    if problem:
        raise Invalid(*problem, field=path)


@functools.lru_cache(maxsize=10_000)  # a million subscriptions have a handful of origins
def _origin_problem(origin: str, allowed_private_hosts: frozenset[str]) -> tuple[str, str] | None:
    try:
        parts = urlsplit(origin)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except ValueError:
        return "ENDPOINT_INVALID", "A push endpoint is an https URL."
    if not parts.hostname or parts.username is not None:
        return "ENDPOINT_INVALID", "A push endpoint has a host and no user."
    if f"{parts.hostname}:{port}" in allowed_private_hosts:
        return None
    if parts.scheme != "https" or not _looks_public(parts):
        return "ENDPOINT_NOT_ALLOWED", "A push endpoint is an https URL of a public host."
    return None


def _looks_public(parts: SplitResult) -> bool:
    host = (parts.hostname or "").rstrip(".")
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        # a name; one without a dot, or of digits only, is not a public one
        return "." in host and not host.endswith((".localhost", ".local", ".internal")) and not host[-1].isdigit()


def read_key(text: str, path: str, *, size: int, first: int | None = None) -> bytes:
    """The bytes that base64url text spells; Invalid unless they are `size` and begin with `first`."""
    try:
        raw = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("KEY_INVALID", f"The key is {size} bytes in base64url.", field=path) from error
    if len(raw) != size or (first is not None and raw[0] != first):
        raise Invalid("KEY_INVALID", f"The key is {size} bytes in base64url.", field=path)
    return raw


def read_p256dh(text: str, path: str) -> bytes:
    """The browser's public key: an uncompressed P-256 point."""
    return read_key(text, path, size=P256DH_BYTES, first=UNCOMPRESSED)


def read_auth(text: str, path: str) -> bytes:
    """The browser's authentication secret."""
    return read_key(text, path, size=AUTH_BYTES)


def write_key(raw: bytes) -> str:
    """A key as browsers spell it: base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
