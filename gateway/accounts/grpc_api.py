"""Owns the gRPC side of accounts: read the request, do it, answer."""

from __future__ import annotations

import base64
import binascii
import datetime
from typing import Any

from carillon.accounts.v1 import accounts_pb2 as pb
from carillon.accounts.v1 import accounts_service_pb2 as api
from carillon.accounts.v1.accounts_service_pb2_grpc import AccountsServiceServicer

from gateway.accounts.messages import instant, key_to, project_to
from gateway.accounts.use_cases import LONGEST_TTL, Accounts
from services import names
from services.runtime.errors import Invalid
from services.runtime.identity import current_caller

DEFAULT_PAGE = 100
LARGEST_PAGE = 1000
Context = Any


class AccountsApi(AccountsServiceServicer):
    """carillon.accounts.v1.AccountsService."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def CreateOrganization(self, request: api.CreateOrganizationRequest, context: Context) -> pb.Organization:
        """Make an organization."""
        return await self._accounts.create_organization(
            current_caller(), display_name=request.organization.display_name
        )

    async def CreateProject(self, request: api.CreateProjectRequest, context: Context) -> pb.Project:
        """Make a project."""
        return await self._accounts.create_project(
            current_caller(),
            organization=_named_organization(request.organization),
            display_name=request.project.display_name,
            time_zone=request.project.time_zone,
            phone_region=request.project.phone_region,
        )

    async def GetProject(self, request: api.GetProjectRequest, context: Context) -> pb.Project:
        """Answer a project."""
        project = names.split_project(request.name, field="name")
        return project_to(await self._accounts.get_project(current_caller(), project))

    async def ListProjects(self, request: api.ListProjectsRequest, context: Context) -> api.ListProjectsResponse:
        """Answer a page of projects, oldest first."""
        limit = _page_size(request.page_size)
        found = await self._accounts.list_projects(
            current_caller(), after=_read_token(request.page_token), limit=limit + 1
        )
        last = base64.urlsafe_b64encode(found[limit - 1].id).decode() if len(found) > limit else ""
        return api.ListProjectsResponse(projects=[project_to(item) for item in found[:limit]], next_page_token=last)

    async def CreateApiKey(self, request: api.CreateApiKeyRequest, context: Context) -> pb.ApiKey:
        """Make a key; the only answer with its secret."""
        projects = [
            names.split_project(name, field=f"api_key.projects[{index}]")
            for index, name in enumerate(request.api_key.projects)
        ]
        return await self._accounts.create_key(
            current_caller(),
            organization=_named_organization(request.organization),
            display_name=request.api_key.display_name,
            projects=projects,
        )

    async def RevokeApiKey(self, request: api.RevokeApiKeyRequest, context: Context) -> pb.ApiKey:
        """End a key."""
        (key,) = names.split(request.name, "apiKeys")
        assert key is not None
        return key_to(await self._accounts.revoke_key(current_caller(), key))

    async def CreateToken(self, request: api.CreateTokenRequest, context: Context) -> api.CreateTokenResponse:
        """Sign a token."""
        token, expires = await self._accounts.create_token(
            current_caller(),
            organization=_named_organization(request.organization),
            subject=request.subject,
            ttl=_ttl(request) if request.HasField("ttl") else None,
        )
        return api.CreateTokenResponse(token=token, expire_time=instant(expires))


def _ttl(request: api.CreateTokenRequest) -> datetime.timedelta:
    # Seconds of any size may come; those that no timedelta holds are too long anyway.
    return datetime.timedelta(seconds=min(max(request.ttl.seconds, 0), 2 * LONGEST_TTL.total_seconds()))


def _named_organization(name: str) -> bytes | None:
    if not name:
        return None
    (organization,) = names.split(name, "organizations", field="organization")
    return organization


def _page_size(asked: int) -> int:
    if asked < 0:
        raise Invalid("PAGE_SIZE_INVALID", "A page has at least one item.", field="page_size")
    return min(asked or DEFAULT_PAGE, LARGEST_PAGE)


def _read_token(token: str) -> bytes:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("PAGE_TOKEN_INVALID", "This is no page token.", field="page_token") from error
