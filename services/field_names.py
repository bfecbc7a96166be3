"""Owns how a contact's fields are named in what is sent: `{{ firstName }}` and `{{ first_name }}` are the same field.

Never knows a value.
"""

from __future__ import annotations

import re
import string

BUILT_IN = frozenset({"country", "email", "external_id", "locale", "time_zone"})
HUMP = re.compile(r"([a-z0-9])([A-Z])")
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def field_name(spelled: str) -> str:
    """In snake_case: `first_name` for `firstName`; only ASCII letters change."""
    return HUMP.sub(r"\1_\2", spelled).translate(LOWER)
