"""Owns ids: 12 bytes, ordered by time, and their spelling `prefix_` + 20 digits of Crockford's base 32."""

from __future__ import annotations

import functools
import secrets
import time

SIZE = 12
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
VALUES = {digit: value for value, digit in enumerate(DIGITS)}
SPELLED_DIGITS = 20


def new_id() -> bytes:
    """6 bytes of milliseconds since 1970, then 6 random ones."""
    return (time.time_ns() // 1_000_000).to_bytes(6) + secrets.token_bytes(6)


def new_ids(count: int) -> list[bytes]:
    """So many ids, ascending: the random part of the first goes on counting."""
    first = int.from_bytes(new_id()[:11] + b"\0")
    return [(first + index).to_bytes(SIZE) for index in range(count)]


@functools.lru_cache(maxsize=4096)
def spell(prefix: str, value: bytes) -> str:
    """`cmp_01HX…`; the digits sort as the bytes do."""
    number = int.from_bytes(value)
    return prefix + "_" + "".join(DIGITS[(number >> shift) & 31] for shift in range(95, -1, -5))


def parse(prefix: str, text: str) -> bytes | None:
    """The 12 bytes, or None where `text` is no spelling of an id with that prefix; only the canonical one is."""
    head, _, digits = text.partition("_")
    if head != prefix or len(digits) != SPELLED_DIGITS or not VALUES.keys() >= set(digits):
        return None
    number = 0
    for digit in digits:
        number = number << 5 | VALUES[digit]
    return number.to_bytes(SIZE) if number >> 96 == 0 else None
