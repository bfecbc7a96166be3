"""Owns handing a client's Idempotency-Key on to the core, which keeps the answers.

Never looks into it: what makes a key acceptable, the core says.
"""

from __future__ import annotations

from typing import Any

KEY = "idempotency-key"


def forwarded_key(context: Any) -> tuple[tuple[str, str], ...]:
    """The metadata for the call to the core; a header that came twice is one value, as HTTP has it (RFC 9110 §5.3)."""
    values = [str(value) for name, value in context.invocation_metadata() or () if name == KEY]
    return ((KEY, ", ".join(values)),) if values else ()
