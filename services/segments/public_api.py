"""Owns PublicSubscriptionService: browsers that agreed to push, told by the page itself.

Never tells a stranger anything of what is stored. Whoever calls is nobody's caller: there is no identity here.
"""

from __future__ import annotations

from typing import Any

from carillon.segments.v1 import public_service_pb2 as api
from carillon.segments.v1.public_service_pb2_grpc import PublicSubscriptionServiceServicer

from services import http_answers
from services.project_tenants import ProjectTenants
from services.runtime.database import Database
from services.segments import contact_repository as contacts
from services.segments.contact_messages import read_browser
from services.segments.domain.contacts import check_place

Context = Any


class PublicSubscriptionApi(PublicSubscriptionServiceServicer):
    """carillon.segments.v1.PublicSubscriptionService."""

    def __init__(self, *, database: Database, projects: ProjectTenants, allowed_private_hosts: tuple[str, ...]) -> None:
        self._database = database
        self._projects = projects
        self._allowed_private_hosts = frozenset(allowed_private_hosts)

    async def Subscribe(self, request: api.SubscribeRequest, context: Context) -> api.SubscribeResponse:
        """Keep the browser."""
        tenant, project = await self._projects.find(request.project)
        contact = read_browser(request, allowed_private_hosts=self._allowed_private_hosts)
        check_place(contact, "")
        await self._database.transaction(
            lambda tx: contacts.keep_browser(tx, tenant, project, contact, contact.subscriptions[0])
        )
        await http_answers.created(context)
        return api.SubscribeResponse()
