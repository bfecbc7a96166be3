"""Owns handing a client's Idempotency-Key on to the core, which keeps the answers.

The same request is what the client sent, not what it was translated to: that may depend on what has been deleted since.
Never judges a key beyond what a gRPC header can carry: what makes one acceptable, the core says.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.message import Message

from services.runtime.errors import Invalid
from services.runtime.idempotency import DIGEST_KEY, METADATA_KEY, digest_of, encode

KEY = METADATA_KEY
CARRIED = re.compile(r"[ -~]*")


def forwarded_key(context: Any, request: Message) -> tuple[tuple[str, str], ...]:
    """The metadata for the call to the core; a header that came twice is one value, as HTTP has it (RFC 9110 §5.3).

    Raises Invalid where a character of it cannot be handed on.
    """
    values = [str(value) for name, value in context.invocation_metadata() or () if name == KEY]
    if not values:
        return ()
    key = ", ".join(values)
    if not CARRIED.fullmatch(key):
        raise Invalid("IDEMPOTENCY_KEY_INVALID", "1 to 255 printable ASCII characters.", field="Idempotency-Key")
    return ((KEY, key), (DIGEST_KEY, digest_of(encode(request)).hex()))
