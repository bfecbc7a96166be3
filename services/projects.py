"""Owns the question whether a project is the caller's; the answer is the gateway's accounts'.

Never keeps a "no": a project may be made the next moment. A "yes" stays true, since projects do not move.
"""

from __future__ import annotations

import grpc
from carillon.accounts.v1.accounts_service_pb2 import GetProjectRequest
from carillon.accounts.v1.accounts_service_pb2_grpc import AccountsServiceStub

from services import names
from services.runtime.errors import NotFound
from services.runtime.identity import Caller

REMEMBERED = 10_000


class Projects:
    """Knows which projects belong to which organization."""

    def __init__(self, accounts: AccountsServiceStub) -> None:
        self._accounts = accounts
        self._known: set[tuple[bytes, bytes]] = set()

    async def require(self, caller: Caller, project: bytes, *, field: str = "parent") -> None:
        """NotFound unless the project is the caller's organization's, and the credential is good for it."""
        tenant = caller.tenant()
        if not caller.may_use(project):
            raise NotFound("PROJECT_NOT_FOUND", "There is no such project.", field=field)
        if (tenant, project) in self._known:
            return
        try:
            await self._accounts.GetProject(GetProjectRequest(name=names.join(("projects", project))))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise NotFound("PROJECT_NOT_FOUND", "There is no such project.", field=field) from error
            raise
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known.add((tenant, project))
