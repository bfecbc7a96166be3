"""Owns what a command makes of a definition: an update's mask, a re-send's override.

Never stores anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from carillon.campaigns.v1 import campaigns_pb2 as pb

from services.campaigns.domain.campaign import Audience, Definition
from services.runtime.errors import Invalid

# what a mask may name → the parts of a definition behind it
EDITABLE = {
    "display_name": ("display_name",),
    "channels": ("channels",),
    "audience": ("audience",),
    "push_content": ("content",),
    "email_content": ("email",),
    "http_content": ("http",),
    "unknown_policy": ("unknown_policy",),
    "schedule": ("immediate", "start_at", "time_zone"),
    "utm": ("utm",),
    "labels": ("labels",),
    "vendor_fields": ("vendor_fields",),
}


def masked(message: pb.Campaign, paths: Sequence[str]) -> list[str]:
    """The fields to change: those of the mask, or all that are set where it is empty. Raises Invalid for others."""
    for index, path in enumerate(paths):
        if path not in EDITABLE:
            raise Invalid("FIELD_NOT_EDITABLE", "This cannot be updated.", field=f"update_mask.paths[{index}]")
    return list(paths) or [field.name for field, _ in message.ListFields() if field.name in EDITABLE]


def merged(old: Definition, new: Definition, fields: Sequence[str]) -> Definition:
    """The old definition with these fields of the new one."""
    parts = {part: getattr(new, part) for field in fields for part in EDITABLE[field]}
    return dataclasses.replace(old, **parts)


def sent_again(old: Definition, *, audience: Audience | None, vendor_fields: str) -> Definition:
    """The definition of the new campaign: the old one's, at once."""
    return dataclasses.replace(
        old,
        audience=audience or old.audience,
        vendor_fields=vendor_fields or old.vendor_fields,
        immediate=True,
        start_at=None,
    )
