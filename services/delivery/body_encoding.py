"""Owns how a body travels: as it is where it is plain, else in whichever encoding is shorter (RFC 2045 §6).

Never emits a byte above 127, a NUL, a lone CR or LF, or a line of more than 998.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence

from services.email_filling import Around

_MAX_LINE = 990
_BASE64_LINE = 76
_PLAIN = b"Content-Transfer-Encoding: 7bit\r\n\r\n"
_QUOTED = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
_BASE64 = b"Content-Transfer-Encoding: base64\r\n\r\n"


class UndottedBody(bytes):
    """An encoded body of which no line begins with a dot. Whoever makes one vouches for that."""


class BodyPattern:
    """A body whose texts, around what differs between people, are looked at once."""

    def __init__(self, texts: Sequence[str]) -> None:
        constant = encode_body("".join(texts))
        lines = constant.removeprefix(_PLAIN).split(b"\r\n")
        is_plain = constant.startswith(_PLAIN) and _can_be_put_together(texts)
        self._room = _MAX_LINE - max(map(len, lines)) if is_plain else -1  # characters that make no line too long
        self._plain = Around(_plain_texts(texts))
        self._whole = Around(texts)
        begins_lines = any(not text or text.endswith("\n") for text in texts[:-1])  # with what is shown
        has_dots = any(line.startswith(b".") for line in lines)
        self._kind = bytes if begins_lines or has_dots else UndottedBody

    def encode(self, shown: Sequence[str]) -> bytes:
        """As encode_body makes it of the texts around these."""
        words = "".join(shown)
        if len(words) <= self._room and words.isascii() and words.isprintable():
            return self._kind(self._plain.put(shown).encode())
        return encode_body(self._whole.put(shown))


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


def _can_be_put_together(texts: Sequence[str]) -> bool:
    """Whether no CRLF is torn, and whether it is known that the last line is ended or not."""
    return bool(texts[-1]) and not any(text.endswith("\r") for text in texts)


def _plain_texts(texts: Sequence[str]) -> list[str]:
    """With a plain body's header, and every line ended by CRLF."""
    made = [text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n") for text in texts]
    made[0] = _PLAIN.decode() + made[0]
    made[-1] += "" if made[-1].endswith("\n") else "\r\n"
    return made
