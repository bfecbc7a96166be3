"""Owns MembershipFeedService: whether an audience's filter lets one contact through now.

Never says by what the contact can be reached: that stands in the contact.
"""

from __future__ import annotations

from typing import Any

from carillon.feeds.v1.membership_feed_service_pb2 import CheckMembershipRequest, CheckMembershipResponse
from carillon.feeds.v1.membership_feed_service_pb2_grpc import MembershipFeedServiceServicer

from services.runtime.database import Database, Transaction
from services.runtime.errors import Invalid, NotFound
from services.segments import contact_repository as contacts
from services.segments import use_cases
from services.segments.filter_messages import read_filter
from services.segments.non_openers import NonOpeners


class MembershipFeedApi(MembershipFeedServiceServicer):
    """Answers delivery."""

    def __init__(self, *, database: Database, non_openers: NonOpeners) -> None:
        self._database = database
        self._non_openers = non_openers

    async def CheckMembership(self, request: CheckMembershipRequest, context: Any) -> CheckMembershipResponse:
        """Whether the contact is one of them."""
        try:
            member = await self._database.transaction(lambda tx: self._is_member(tx, request))
        except (Invalid, NotFound) as error:
            return CheckMembershipResponse(failure_reason=error.reason)
        return CheckMembershipResponse(member=member)

    async def _is_member(self, tx: Transaction, request: CheckMembershipRequest) -> bool:
        message = request.audience.filter
        if request.audience.WhichOneof("kind") == "segment":
            message = await use_cases.segment_filter(
                tx, request.tenant, request.project, request.audience.segment, "audience.segment"
            )
        tree = read_filter(message, "audience.filter")
        await use_cases.check_filter(tx, request.tenant, request.project, tree, "audience.filter")
        await self._non_openers.put_beside(tx, tenant=request.tenant, tree=tree)
        return await contacts.is_let_through(tx, request.tenant, request.project, tree, contact=request.contact)
