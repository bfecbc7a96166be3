"""Owns what callers see of accounts. Pure functions."""

from __future__ import annotations

import datetime

from carillon.accounts.v1 import accounts_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.accounts.repository import ApiKey, Organization, Project
from services import names


def instant(value: datetime.datetime) -> Timestamp:
    """As protobuf has it."""
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp


def organization_to(item: Organization) -> pb.Organization:
    """What callers see of it."""
    return pb.Organization(
        name=names.join(("organizations", item.id)),
        display_name=item.display_name,
        create_time=instant(item.created_at),
    )


def project_to(item: Project) -> pb.Project:
    """What callers see of it."""
    return pb.Project(
        name=names.join(("projects", item.id)),
        display_name=item.display_name,
        time_zone=item.time_zone,
        phone_region=item.phone_region,
        create_time=instant(item.created_at),
    )


def key_to(item: ApiKey, *, secret: str = "") -> pb.ApiKey:
    """What callers see of it; the secret only where it has just been made."""
    return pb.ApiKey(
        name=names.join(("apiKeys", item.id)),
        secret=secret,
        display_name=item.display_name,
        projects=[names.join(("projects", project)) for project in item.projects],
        create_time=instant(item.created_at),
        revoke_time=instant(item.revoked_at) if item.revoked_at else None,
    )
