"""Owns how a person's words become a header's value: printable ASCII as it is, all else in encoded words (RFC 2047).

Never lets a control character through: no value can end its header.
"""

from __future__ import annotations

import base64

_MAX_PLAIN = 900  # characters; a line has 998 at most with its name
_WORD = 45  # bytes that fit an encoded word of 75 characters


def encode_header(value: str) -> bytes:
    """One value, folded where it has encoded words; control characters become spaces."""
    if not value.isprintable():
        value = "".join(letter if letter.isprintable() else " " for letter in value)
    if value.isascii() and len(value) <= _MAX_PLAIN and "=?" not in value:
        return value.encode()
    return b"\r\n ".join(b"=?utf-8?B?%b?=" % base64.b64encode(piece) for piece in _pieces(value))


def _pieces(value: str) -> list[bytes]:
    """The value in UTF-8, no character torn (RFC 2047 §5.3)."""
    pieces = [b""]
    for letter in value:
        raw = letter.encode("utf-8", "replace")
        if len(pieces[-1]) + len(raw) > _WORD:
            pieces.append(b"")
        pieces[-1] += raw
    return pieces
