"""Owns page sizes and page tokens (AIP-158): a token is good for the list that it was made for and for no other."""

from __future__ import annotations

import base64
import binascii
import hashlib

from services.runtime.errors import Invalid

DEFAULT_PAGE = 100
MAX_PAGE = 1000
MARK_SIZE = 8


def read_page_size(asked: int) -> int:
    """How many the page may have."""
    if asked < 0:
        raise Invalid("PAGE_SIZE_INVALID", "A page size is not negative.", field="page_size")
    return min(asked or DEFAULT_PAGE, MAX_PAGE)


def write_page_token(place: bytes, *, of: bytes) -> str:
    """A token that asks for what is behind this place of the list; `of` says which list, filters included."""
    return base64.urlsafe_b64encode(_mark(of) + place).decode()


def read_page_token(token: str, *, of: bytes, size: range) -> bytes:
    """The place, empty for the first page. Raises Invalid unless it was made for this list and is of such a size."""
    if not token:
        return b""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _no_token() from error
    if raw[:MARK_SIZE] != _mark(of) or len(raw) - MARK_SIZE not in size:
        raise _no_token()
    return raw[MARK_SIZE:]


def _mark(of: bytes) -> bytes:
    return hashlib.blake2b(of, digest_size=MARK_SIZE).digest()


def _no_token() -> Invalid:
    return Invalid("PAGE_TOKEN_INVALID", "This is no page token of this list.", field="page_token")
