"""Owns ProviderAccountsService: read the request, do it, answer.

Never answers a secret, but for an HTTP account's once, to whoever made it.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from carillon.delivery.v1 import provider_accounts_pb2 as pb
from carillon.delivery.v1 import provider_accounts_service_pb2 as api
from carillon.delivery.v1.provider_accounts_service_pb2_grpc import ProviderAccountsServiceServicer
from google.protobuf.empty_pb2 import Empty

from services import names
from services.delivery.account_messages import account_to, provider_from
from services.delivery.account_probe import AccountProbe
from services.delivery.domain.accounts import ProviderAccount
from services.delivery.provider_accounts import ProviderAccounts
from services.delivery.senders.destination import Destinations
from services.projects import Projects
from services.runtime import ids
from services.runtime.errors import Invalid, NotFound
from services.runtime.identity import current_caller

PATH = "provider_account"
DEFAULT_PAGE = 100
MAX_PAGE = 1000
Context = Any


class ProviderAccountsApi(ProviderAccountsServiceServicer):
    """carillon.delivery.v1.ProviderAccountsService."""

    def __init__(
        self, *, accounts: ProviderAccounts, probe: AccountProbe, projects: Projects, destinations: Destinations
    ) -> None:
        self._accounts = accounts
        self._probe = probe
        self._projects = projects
        self._destinations = destinations

    async def CreateProviderAccount(
        self, request: api.CreateProviderAccountRequest, context: Context
    ) -> pb.ProviderAccount:
        """Store it; the only answer with an HTTP account's secret."""
        caller, project = current_caller(), names.split_project(request.parent)
        await self._projects.require(caller, project)
        provider = provider_from(request.provider_account, self._destinations, path=PATH)
        return await self._accounts.create(
            tenant=caller.tenant(),
            project=project,
            display_name=request.provider_account.display_name,
            provider=provider,
            path=PATH,
        )

    async def GetProviderAccount(self, request: api.GetProviderAccountRequest, context: Context) -> pb.ProviderAccount:
        """Answer it."""
        return account_to(await self._find(request.name))

    async def ListProviderAccounts(
        self, request: api.ListProviderAccountsRequest, context: Context
    ) -> api.ListProviderAccountsResponse:
        """Answer a page, oldest first."""
        caller, project = current_caller(), names.split_project(request.parent)
        await self._projects.require(caller, project)
        limit = _page_size(request.page_size)
        found = await self._accounts.list_page(
            tenant=caller.tenant(), project=project, after=_read_token(request.page_token), limit=limit + 1
        )
        return api.ListProviderAccountsResponse(
            provider_accounts=[account_to(account) for account in found[:limit]],
            next_page_token=base64.urlsafe_b64encode(found[limit - 1].id).decode() if len(found) > limit else "",
        )

    async def DeleteProviderAccount(self, request: api.DeleteProviderAccountRequest, context: Context) -> Empty:
        """Forget it."""
        account = await self._find(request.name)
        await self._accounts.delete(tenant=current_caller().tenant(), account=account.id)
        return Empty()

    async def TestProviderAccount(
        self, request: api.TestProviderAccountRequest, context: Context
    ) -> api.TestProviderAccountResponse:
        """Connect as a campaign would."""
        account = await self._find(request.name)
        problem = await self._probe.problem(account.provider)
        if problem is None:
            return api.TestProviderAccountResponse(ok=True)
        return api.TestProviderAccountResponse(reason=problem.reason, message=problem.message)

    async def _find(self, name: str) -> ProviderAccount:
        caller = current_caller()
        project, account = names.split(name, "projects", "providerAccounts")
        assert account is not None
        if project is not None:
            await self._projects.require(caller, project, field="name")
        found = await self._accounts.find(tenant=caller.tenant(), account=account)
        if found is None or project not in (None, found.project) or not caller.may_use(found.project):
            raise NotFound("PROVIDER_ACCOUNT_NOT_FOUND", "There is no such provider account.", field="name")
        return found


def _page_size(asked: int) -> int:
    if asked < 0:
        raise Invalid("PAGE_SIZE_INVALID", "A page size is not negative.", field="page_size")
    return min(asked or DEFAULT_PAGE, MAX_PAGE)


def _read_token(token: str) -> bytes:
    try:
        after = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("PAGE_TOKEN_INVALID", "This is no page token of this list.", field="page_token") from error
    if token and len(after) != ids.SIZE:
        raise Invalid("PAGE_TOKEN_INVALID", "This is no page token of this list.", field="page_token")
    return after
