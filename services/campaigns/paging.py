"""Owns page sizes and page tokens of this service's lists: a token is the id of the last item before the page."""

from __future__ import annotations

import base64
import binascii

from services.runtime import ids
from services.runtime.errors import Invalid

MOST_PER_PAGE = 1000


def page_token(last: bytes) -> str:
    """Where the next page begins."""
    return base64.urlsafe_b64encode(last).decode()


def read_page(size: int, token: str, *, default: int) -> tuple[int, bytes | None]:
    """(how many, behind which id)."""
    if size < 0:
        raise Invalid("PAGE_SIZE_INVALID", "A page has at least one item.", field="page_size")
    try:
        last = base64.urlsafe_b64decode(token.encode()) if token else None
    except (binascii.Error, ValueError) as error:
        raise Invalid("PAGE_TOKEN_INVALID", "This is no page token.", field="page_token") from error
    if last is not None and len(last) != ids.SIZE:
        raise Invalid("PAGE_TOKEN_INVALID", "This is no page token.", field="page_token")
    return min(size or default, MOST_PER_PAGE), last
