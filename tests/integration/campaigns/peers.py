"""Owns what campaigns is told by its peers in these tests: by segments about people, by delivery about accounts."""

from __future__ import annotations

from typing import Any

import grpc
from carillon.delivery.v1.provider_accounts_pb2 import HttpProvider, ProviderAccount, SmtpProvider
from carillon.segments.v1.segments_service_pb2 import ContactFieldCount, CountAudienceResponse

from services import names
from services.campaigns.audiences import Audiences
from services.campaigns.readiness import Readiness
from services.field_names import field_name
from services.runtime.database import Database


def refused(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    """What a stub raises."""
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "refused")


class Segments:
    """Ten people; `known` are the fields that anybody ever had, with how many of the ten lack each."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.asked: list[Any] = []
        self.trouble: Exception | None = None

    async def CountAudience(self, request: Any) -> CountAudienceResponse:
        """As many as there are."""
        self.asked.append(request)
        if self.trouble:
            raise self.trouble
        fields = dict.fromkeys(field_name(field) for field in request.contact_fields)
        counts = [
            ContactFieldCount(field=field, known=field in self.known, absent_count=self.known.get(field, 10))
            for field in fields
        ]
        return CountAudienceResponse(contact_count=10, message_count=10, contact_fields=counts)


class Delivery:
    """Knows one account of each kind."""

    SMTP, HTTP = bytes(11) + b"\5", bytes(11) + b"\6"

    def __init__(self) -> None:
        self.trouble: Exception | None = None

    async def GetProviderAccount(self, request: Any) -> ProviderAccount:
        """The account of that name."""
        if self.trouble:
            raise self.trouble
        _, account = names.split(request.name, "projects", "providerAccounts")
        if account == self.SMTP:
            return ProviderAccount(name=request.name, smtp=SmtpProvider())
        if account == self.HTTP:
            return ProviderAccount(name=request.name, http=HttpProvider())
        raise refused(grpc.StatusCode.NOT_FOUND)


def readiness_of(database: Database, segments: Segments, delivery: Delivery) -> Readiness:
    """What asks them."""
    audiences = Audiences(segments)  # type: ignore[arg-type]
    return Readiness(database=database, audiences=audiences, accounts=delivery)  # type: ignore[arg-type]
