"""Owns what strangers may call, on a listener of its own: links in messages, and what a page needs to subscribe.

Asks nobody who they are, and is as strict about what they send as every other API.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from carillon.delivery.v1 import public_service_pb2 as delivery
from carillon.segments.v1 import public_service_pb2 as segments

from gateway import native
from gateway.api import Api
from gateway.refusal import Reply

LARGEST = 16 * 1024  # bytes of a body; a subscription has less than 3,000


def render(reply: Reply, request_id: str) -> Mapping[str, Any]:
    """As the native API, but for how large a body may be here."""
    if reply.status == 413:
        reply = dataclasses.replace(reply, message="A body has at most 16 kB.")
    return native.render(reply, request_id)


PUBLIC = Api(
    name="public",
    upstreams={
        "delivery": (delivery.DESCRIPTOR.services_by_name["PublicService"],),
        "segments": (segments.DESCRIPTOR.services_by_name["PublicSubscriptionService"],),
    },
    credentials=frozenset(),
    render=render,
    json_names_only=True,
    is_core=False,
)
