"""Owns how a body travels: as it is where it is plain, else in whichever encoding is shorter (RFC 2045 §6).

Never emits a byte above 127, a NUL, a lone CR or LF, or a line of more than 998.
"""

from __future__ import annotations

import binascii

_MAX_LINE = 990
_BASE64_LINE = 76
_PLAIN = b"Content-Transfer-Encoding: 7bit\r\n\r\n"
_QUOTED = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
_BASE64 = b"Content-Transfer-Encoding: base64\r\n\r\n"


def encode_body(text: str) -> bytes:
    """The last header of a part, the empty line, and the part's body, whose last line is ended."""
    raw = text.encode("utf-8", "replace")
    lines = raw.splitlines()  # of bytes: at CR, LF and CRLF only
    lines.append(b"")
    body = b"\r\n".join(lines)
    if text.isascii() and max(map(len, lines)) <= _MAX_LINE and b"\0" not in raw:
        return _PLAIN + body
    more = len(raw) - len(text)  # about one for each letter beyond ASCII
    # Quoted, each of those letters costs four bytes; in base64 everything costs a third.
    if 12 * more < len(raw):
        return b"%b%b\r\n" % (_QUOTED, binascii.b2a_qp(body.removesuffix(b"\r\n"), istext=True))
    encoded = binascii.b2a_base64(body, newline=False)
    rows = [encoded[at : at + _BASE64_LINE] for at in range(0, len(encoded), _BASE64_LINE)]
    return _BASE64 + b"\r\n".join(rows) + b"\r\n"
