"""Owns making a workspace to try things in: an organization, a project, a key, a token, people with browsers.

Never invents browsers: the sandbox's push service makes the subscriptions, and can decrypt what is sent to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from carillon.segments.v1.segments_pb2 import Contact, PushSubscription
from carillon.segments.v1.segments_service_pb2 import BatchUpsertContactsRequest
from carillon.segments.v1.segments_service_pb2_grpc import SegmentsServiceStub

from tools.client import Client, Json

CONTACTS_PER_CALL = 1000
COUNTRIES = ("US", "CA", "DE", "FR", "BR", "IN", "JP", "GB", "ZA", "AU")
LOCALES = ("en-US", "en-CA", "de-DE", "fr-FR", "pt-BR", "en-IN", "ja-JP", "en-GB", "en-ZA", "en-AU")
ZONES = (
    "America/New_York",
    "America/Toronto",
    "Europe/Berlin",
    "Europe/Paris",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Europe/London",
    "Africa/Johannesburg",
    "Australia/Sydney",
)


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a client needs to know."""

    organization: str
    project: str
    api_key: str
    jwt: str

    @property
    def key_header(self) -> Mapping[str, str]:
        """What a server sends."""
        return {"x-api-key": self.api_key}


def last_part(name: str) -> str:
    """`proj_…` of `projects/proj_…`."""
    return name.rpartition("/")[2]


async def make_workspace(stack: Mapping[str, Any], *, operator_key: str, display_name: str) -> Workspace:
    """A new organization with a project, a key and a day's token."""
    async with Client(stack["native"], {"x-api-key": operator_key}) as operator:
        organization = await operator.call("POST", "/v1/organizations", {"displayName": display_name})
        owned = {"organization": organization["name"]}
        project = await operator.call("POST", "/v1/projects", {"displayName": display_name}, **owned)
        key = await operator.call("POST", "/v1/apiKeys", {"displayName": display_name}, **owned)
        jwt = await make_token(operator, organization=organization["name"])
    return Workspace(
        organization=last_part(organization["name"]),
        project=last_part(project["name"]),
        api_key=key["secret"],
        jwt=jwt,
    )


async def make_token(operator: Client, *, organization: str) -> str:
    """A token for a day, as a dashboard would hold one."""
    body = {"subject": "ada@example.com", "ttl": "86400s", "organization": organization}
    token: str = (await operator.call("POST", "/v1/tokens", body))["token"]
    return token


async def add_people(
    stack: Mapping[str, Any], workspace: Workspace, count: int, *, name: str = "person", without_browser: int = 0
) -> None:
    """So many contacts with one browser each, and some without; the same name and number is the same contact."""
    subscriptions: list[Json] = []
    if count:
        async with Client(stack["sandbox"]) as sandbox:
            subscriptions = [line async for line in sandbox.lines("POST", "/subscriptions", count=str(count))]
    people = [person(f"{name}-{index}", index, [item]) for index, item in enumerate(subscriptions)]
    people += [person(f"{name}-without-{index}", index, []) for index in range(without_browser)]
    async with grpc.aio.insecure_channel(stack["grpc"]) as channel:
        segments = SegmentsServiceStub(channel)
        for start in range(0, len(people), CONTACTS_PER_CALL):
            request = BatchUpsertContactsRequest(
                parent=f"projects/{workspace.project}", contacts=people[start : start + CONTACTS_PER_CALL]
            )
            await segments.BatchUpsertContacts(request, metadata=list(workspace.key_header.items()))


def person(external_id: str, index: int, subscriptions: Sequence[Json]) -> Contact:
    """A contact; where it lives follows from its number."""
    place = index % len(COUNTRIES)
    return Contact(
        external_id=external_id,
        email=f"{external_id}@example.com",
        country=COUNTRIES[place],
        locale=LOCALES[place],
        time_zone=ZONES[place],
        tags=["newsletter", "vip"] if index % 7 == 0 else ["newsletter"],
        attributes={"plan": "pro" if index % 3 == 0 else "free"},
        push_subscriptions=[
            PushSubscription(endpoint=item["endpoint"], p256dh=item["keys"]["p256dh"], auth=item["keys"]["auth"])
            for item in subscriptions
        ],
    )
