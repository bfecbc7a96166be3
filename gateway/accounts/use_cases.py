"""Owns what may be done with accounts, and by whom: one function of one transaction per command.

Never speaks gRPC.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from carillon.accounts.v1 import accounts_pb2 as pb

from gateway.accounts import keys, messages, repository
from gateway.accounts.key_ring import KeyRing
from gateway.accounts.repository import ApiKey, Organization, Project
from gateway.accounts.tokens import Tokens
from gateway.local_time import zone_names
from services.runtime import ids
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Forbidden, Invalid, NotFound
from services.runtime.idempotency import Idempotency
from services.runtime.identity import Caller

LONGEST_NAME = 200
LONGEST_SUBJECT = 200
DEFAULT_TTL = datetime.timedelta(hours=1)
LONGEST_TTL = datetime.timedelta(hours=24)


def checked_name(text: str, *, field: str) -> str:
    """The name, or Invalid."""
    if not text.strip():
        raise Invalid("NAME_REQUIRED", "A name is needed.", field=field)
    if len(text) > LONGEST_NAME:
        raise Invalid("NAME_TOO_LONG", f"A name has at most {LONGEST_NAME} characters.", field=field)
    if "\0" in text:
        raise Invalid("TEXT_INVALID", "Text must not contain NUL.", field=field)
    return text


def _checked_zone(name: str) -> str:
    if name and name not in zone_names():
        raise Invalid("TIME_ZONE_UNKNOWN", "There is no such time zone.", field="project.time_zone")
    return name or "UTC"


def _checked_region(code: str) -> str:
    if code and not (len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()):
        raise Invalid("PHONE_REGION_INVALID", "A region is two capital letters.", field="project.phone_region")
    return code


class Accounts:
    """The commands and questions."""

    def __init__(
        self, *, database: Database, idempotency: Idempotency, key_ring: KeyRing, tokens: Tokens, clock: Clock
    ) -> None:
        self._database = database
        self._idempotency = idempotency
        self._key_ring = key_ring
        self._tokens = tokens
        self._clock = clock

    async def create_organization(self, caller: Caller, *, display_name: str) -> pb.Organization:
        """A new tenant; the operator's only."""
        if not caller.is_operator:
            raise Forbidden("OPERATOR_ONLY", "Only the operator makes organizations.")
        name = checked_name(display_name, field="organization.display_name")
        made = Organization(id=ids.new_id(), display_name=name, created_at=self._clock.now())

        async def work(tx: Transaction) -> pb.Organization:
            await repository.insert_organization(tx, made)
            return messages.organization_to(made)

        return await self._idempotency.transaction(pb.Organization, work)

    async def create_project(
        self, caller: Caller, *, organization: bytes | None, display_name: str, time_zone: str, phone_region: str
    ) -> pb.Project:
        """A new workspace."""
        tenant = await self._acting_for(caller, organization)
        made = Project(
            tenant=tenant,
            id=ids.new_id(),
            display_name=checked_name(display_name, field="project.display_name"),
            time_zone=_checked_zone(time_zone),
            phone_region=_checked_region(phone_region),
            created_at=self._clock.now(),
        )

        async def work(tx: Transaction) -> pb.Project:
            await repository.insert_project(tx, made)
            return messages.project_to(made)

        return await self._idempotency.transaction(pb.Project, work)

    async def get_project(self, caller: Caller, project: bytes) -> Project:
        """The caller's project, or NotFound."""
        tenant = caller.tenant()
        found = await self._database.transaction(
            lambda tx: repository.find_project(tx, tenant=tenant, project_id=project)
        )
        if found is None or not caller.may_use(project):
            raise NotFound("PROJECT_NOT_FOUND", "There is no such project.", field="name")
        return found

    async def list_projects(self, caller: Caller, *, after: bytes, limit: int) -> list[Project]:
        """The caller's projects, oldest first."""
        tenant = caller.tenant()

        async def work(tx: Transaction) -> list[Project]:
            return await repository.list_projects(tx, tenant=tenant, among=caller.projects, after=after, limit=limit)

        return await self._database.transaction(work)

    async def create_key(
        self, caller: Caller, *, organization: bytes | None, display_name: str, projects: Sequence[bytes]
    ) -> pb.ApiKey:
        """A new key with its secret, which is not to be had again but by who repeats the call with its own key."""
        tenant = await self._acting_for(caller, organization)
        secret = keys.new_secret()
        made = ApiKey(
            tenant=tenant,
            id=ids.new_id(),
            display_name=checked_name(display_name, field="api_key.display_name"),
            hash=keys.hash_of(secret),
            projects=tuple(dict.fromkeys(projects)),
            created_at=self._clock.now(),
            revoked_at=None,
        )

        async def work(tx: Transaction) -> pb.ApiKey:
            for index, project in enumerate(projects):
                if await repository.find_project(tx, tenant=tenant, project_id=project) is None:
                    field = f"api_key.projects[{index}]"
                    raise NotFound("PROJECT_NOT_FOUND", "There is no such project.", field=field)
            await repository.insert_key(tx, made)
            return messages.key_to(made, secret=secret)

        return await self._idempotency.transaction(pb.ApiKey, work)

    async def revoke_key(self, caller: Caller, key: bytes) -> ApiKey:
        """End a key."""
        tenant = _whole_tenant(caller)
        now = self._clock.now()
        ended = await self._database.transaction(
            lambda tx: repository.revoke_key(tx, tenant=tenant, key_id=key, now=now)
        )
        if ended is None:
            raise NotFound("API_KEY_NOT_FOUND", "There is no such API key.", field="name")
        self._key_ring.forget(ended.hash)
        return ended

    async def create_token(
        self, caller: Caller, *, organization: bytes | None, subject: str, ttl: datetime.timedelta | None
    ) -> tuple[str, datetime.datetime]:
        """A token for a person, and when it ends."""
        if not subject.strip() or len(subject) > LONGEST_SUBJECT or "\0" in subject:
            raise Invalid("SUBJECT_INVALID", "A subject has 1 to 200 characters.", field="subject")
        lasts = DEFAULT_TTL if ttl is None else ttl
        if not datetime.timedelta(0) < lasts <= LONGEST_TTL:
            raise Invalid("TTL_INVALID", "A token lasts more than no time and at most 24 hours.", field="ttl")
        tenant = await self._acting_for(caller, organization)
        now = self._clock.now()
        token = self._tokens.sign(subject=subject, organization=tenant, now=now, expires=now + lasts)
        return token, now + lasts

    async def _acting_for(self, caller: Caller, organization: bytes | None) -> bytes:
        """The operator acts for whom it names, everybody else for their own."""
        if not caller.is_operator:
            return _whole_tenant(caller)
        if organization is None:
            raise Invalid("ORGANIZATION_REQUIRED", "Say for which organization.", field="organization")
        if not await self._database.transaction(lambda tx: repository.organization_exists(tx, organization)):
            raise NotFound("ORGANIZATION_NOT_FOUND", "There is no such organization.", field="organization")
        return organization


def _whole_tenant(caller: Caller) -> bytes:
    """A key that is limited to projects must not make itself, or another, a wider one."""
    if caller.projects:
        raise Forbidden("CREDENTIAL_LIMITED", "This key is limited to projects; use one that is not.")
    return caller.tenant()
