"""Owns handing a client's Idempotency-Key on to the core, which keeps the answers.

Never judges it beyond what a gRPC header can carry: what makes a key acceptable, the core says.
"""

from __future__ import annotations

import re
from typing import Any

from services.runtime.errors import Invalid

KEY = "idempotency-key"
CARRIED = re.compile(r"[ -~]*")


def forwarded_key(context: Any) -> tuple[tuple[str, str], ...]:
    """The metadata for the call to the core; a header that came twice is one value, as HTTP has it (RFC 9110 §5.3).

    Raises Invalid where a character of it cannot be handed on.
    """
    values = [str(value) for name, value in context.invocation_metadata() or () if name == KEY]
    if not values:
        return ()
    key = ", ".join(values)
    if not CARRIED.fullmatch(key):
        raise Invalid("IDEMPOTENCY_KEY_INVALID", "1 to 255 printable ASCII characters.", field="Idempotency-Key")
    return ((KEY, key),)
