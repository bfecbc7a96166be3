"""Owns ProjectFeedService: whose a project is, for services whose caller is a stranger."""

from __future__ import annotations

from typing import Any

from carillon.feeds.v1.project_feed_service_pb2 import GetProjectTenantRequest, GetProjectTenantResponse
from carillon.feeds.v1.project_feed_service_pb2_grpc import ProjectFeedServiceServicer

from gateway.accounts import repository
from services.runtime.database import Database
from services.runtime.errors import NotFound


class ProjectFeedApi(ProjectFeedServiceServicer):
    """Answers our own services."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetProjectTenant(self, request: GetProjectTenantRequest, context: Any) -> GetProjectTenantResponse:
        """Answer the project's tenant."""
        tenant = await self._database.read(lambda tx: repository.find_tenant(tx, request.project))
        if tenant is None:
            raise NotFound("PROJECT_NOT_FOUND", "There is no such project.", field="project")
        return GetProjectTenantResponse(tenant=tenant)
