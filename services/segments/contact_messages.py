"""Owns contacts and segments as messages: read from requests, written from rows.

Never decides what a contact may be, save that its keys can be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from carillon.segments.v1.filter_pb2 import Filter as FilterMessage
from carillon.segments.v1.public_service_pb2 import SubscribeRequest
from carillon.segments.v1.segments_pb2 import Contact as ContactMessage
from carillon.segments.v1.segments_pb2 import PushSubscription
from carillon.segments.v1.segments_pb2 import Segment as SegmentMessage
from carillon.segments.v1.segments_service_pb2 import ContactFieldCount, CountAudienceResponse

from services import names
from services.field_names import BUILT_IN
from services.mailboxes import read_mailbox
from services.segments.contact_repository import Reach
from services.segments.domain import push
from services.segments.domain.contacts import Contact, Subscription, nameless_id


def read_contact(message: ContactMessage, path: str, *, allowed_private_hosts: frozenset[str]) -> Contact:
    """The contact; Invalid where a subscription cannot be one."""
    return Contact(
        external_id=message.external_id,
        country=message.country,
        locale=message.locale,
        time_zone=message.time_zone,
        tags=tuple(dict.fromkeys(message.tags)),
        attributes=dict(message.attributes),
        email=read_mailbox(message.email, f"{path}.email") if message.email else "",
        subscriptions=tuple(
            _read_subscription(item, f"{path}.push_subscriptions[{index}]", allowed_private_hosts)
            for index, item in enumerate(message.push_subscriptions)
        ),
    )


def _read_subscription(message: PushSubscription, path: str, allowed_private_hosts: frozenset[str]) -> Subscription:
    push.check_endpoint(message.endpoint, f"{path}.endpoint", allowed_private_hosts=allowed_private_hosts)
    return Subscription(
        endpoint=message.endpoint,
        p256dh=push.read_p256dh(message.p256dh, f"{path}.p256dh"),
        auth=push.read_auth(message.auth, f"{path}.auth"),
    )


def read_browser(message: SubscribeRequest, *, allowed_private_hosts: frozenset[str]) -> Contact:
    """The nameless contact that a browser is, with its one subscription; Invalid where that cannot be one."""
    push.check_endpoint(message.endpoint, "endpoint", allowed_private_hosts=allowed_private_hosts)
    subscription = Subscription(
        endpoint=message.endpoint,
        p256dh=push.read_p256dh(message.keys.p256dh, "keys.p256dh"),
        auth=push.read_auth(message.keys.auth, "keys.auth"),
    )
    return Contact(
        external_id=nameless_id(message.endpoint),
        country=message.country,
        locale=message.locale,
        time_zone=message.time_zone,
        tags=(),
        attributes={},
        subscriptions=(subscription,),
    )


def write_contact(row: Any, subscriptions: Sequence[Any]) -> ContactMessage:
    """The message of a contact's row and its subscriptions'."""
    return ContactMessage(
        name=names.join(("projects", row.project), ("contacts", row.id)),
        external_id=row.external_id,
        country=row.country,
        locale=row.locale,
        time_zone=row.time_zone,
        email=row.email,
        tags=row.tags,
        attributes=row.attributes if isinstance(row.attributes, dict) else json.loads(row.attributes),
        push_subscriptions=[_write_subscription(item) for item in subscriptions],
        create_time=row.create_time,
        update_time=row.update_time,
    )


def _write_subscription(row: Any) -> PushSubscription:
    return PushSubscription(
        name=names.join(("projects", row.project), ("contacts", row.contact), ("pushSubscriptions", row.id)),
        endpoint=row.endpoint,
        p256dh=push.write_key(row.p256dh),
        auth=push.write_key(row.auth),
        retire_time=row.retire_time,
    )


def write_segment(row: Any) -> SegmentMessage:
    """The message of a segment's row."""
    return SegmentMessage(
        name=names.join(("projects", row.project), ("segments", row.id)),
        display_name=row.display_name,
        filter=FilterMessage.FromString(row.filter),
        create_time=row.create_time,
        update_time=row.update_time,
    )


def write_reach(reach: Reach, attributes: Mapping[str, Sequence[str]]) -> CountAudienceResponse:
    """The answer of a count; a field is known by being a contact's own or by its attributes."""
    counts = [
        ContactFieldCount(field=field, known=field in BUILT_IN or bool(keys), absent_count=absent)
        for (field, keys), absent in zip(attributes.items(), reach.absent, strict=True)
    ]
    return CountAudienceResponse(contact_count=reach.people, message_count=reach.messages, contact_fields=counts)
