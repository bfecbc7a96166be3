"""Owns the question whose a project is that a stranger names; the answer is the gateway's accounts'.

Never keeps a "nobody's": a project may be made the next moment. An owner stays one, since projects do not move.
"""

from __future__ import annotations

import grpc
from carillon.feeds.v1.project_feed_service_pb2 import GetProjectTenantRequest
from carillon.feeds.v1.project_feed_service_pb2_grpc import ProjectFeedServiceStub

from services import names
from services.runtime.errors import NotFound

REMEMBERED = 10_000


class ProjectTenants:
    """Knows the tenants of projects."""

    def __init__(self, projects: ProjectFeedServiceStub) -> None:
        self._projects = projects
        self._known: dict[bytes, bytes] = {}

    async def find(self, spelled: str, *, field: str = "project") -> tuple[bytes, bytes]:
        """(tenant, project) of `proj_…`; NotFound where there is no such project."""
        project = names.parse_id("projects", spelled, field=field)
        if project not in self._known:
            tenant = await self._ask(project, field)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[project] = tenant
        return self._known[project], project

    async def _ask(self, project: bytes, field: str) -> bytes:
        try:
            answer = await self._projects.GetProjectTenant(GetProjectTenantRequest(project=project))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise NotFound("PROJECT_NOT_FOUND", "There is no such project.", field=field) from error
            raise
        return bytes(answer.tenant)
