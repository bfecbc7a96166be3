"""Owns how a column of numbers is handed to PostgreSQL: as the text of an array, cast there.

asyncpg encodes an array element by element, through Python; for thousands of them the text is a third of the work.
"""

from __future__ import annotations

from collections.abc import Iterable


def array(numbers: Iterable[int]) -> str:
    """`{1,2,3}`, for a parameter that is cast: `$1::text::int[]`."""
    return "{" + ",".join(map(str, numbers)) + "}"
