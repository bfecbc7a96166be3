"""Owns what only ReachBell keeps of a campaign: our key in `Campaign.vendor_fields`, beside those of other dialects.

Never trusts it: whoever calls the native API may write anything there.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from carillon.campaigns.v1.campaigns_pb2 import Campaign

KEY = "reachbell"


def kept_in(campaign: Campaign) -> Mapping[str, str]:
    """What was kept; empty where nothing was, or nothing of ours."""
    own = _all_of(campaign.vendor_fields).get(KEY)
    if not isinstance(own, dict):
        return {}
    return {key: value for key, value in own.items() if isinstance(value, str)}


def fields_with(kept: Mapping[str, str], *, beside: str = "") -> str:
    """The `vendor_fields` that keep this, and what others keep in `beside`. Never empty, so it replaces what was."""
    return json.dumps({**_all_of(beside), KEY: kept}, sort_keys=True)


@functools.lru_cache(maxsize=256)  # most campaigns have the same: nothing
def _all_of(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
