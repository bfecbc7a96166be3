"""Owns what must be true elsewhere before a campaign starts: who is in its audience, by which accounts it goes, what
its template says, and whether people have the fields that are shown.

Never keeps an answer, and never asks for what a definition's own check can tell.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import grpc
from carillon.delivery.v1.provider_accounts_pb2 import ProviderAccount
from carillon.delivery.v1.provider_accounts_service_pb2 import GetProviderAccountRequest
from carillon.delivery.v1.provider_accounts_service_pb2_grpc import ProviderAccountsServiceStub

from services.campaigns import channel_messages, template_repository
from services.campaigns.audiences import Audiences, FieldCount
from services.campaigns.domain.campaign import EMAIL, HTTP, Definition
from services.campaigns.domain.email import EmailContent
from services.email_templates import EmailTemplate
from services.field_names import field_name
from services.runtime.database import Database
from services.runtime.errors import Invalid, NotFound
from services.runtime.identity import SERVICE_SUBJECT, Caller, bind_caller, current_caller


@dataclasses.dataclass(frozen=True, slots=True)
class Ready:
    """What a start takes from elsewhere: how large the audience was when somebody looked, the email with its template
    resolved, and the fields of contacts that the contents use."""

    messages: int
    contacts: int
    email: EmailContent | None = None
    contact_fields: tuple[str, ...] = ()


class Readiness:
    """Asks segments, delivery and this service's own templates."""

    def __init__(self, *, database: Database, audiences: Audiences, accounts: ProviderAccountsServiceStub) -> None:
        self._database = database
        self._audiences = audiences
        self._accounts = accounts

    async def check_names(self, *, project: bytes, definition: Definition) -> None:
        """NotFound or Invalid unless what a draft names is there, and of the right kind."""
        if definition.audience is not None and definition.audience.segment is not None:
            await self._audiences.require_segment(project=project, segment=definition.audience.segment)
        await self._check_accounts(project, definition)
        if definition.email is not None:
            await self._resolved(definition.email, project)

    async def check(self, *, project: bytes, definition: Definition) -> Ready:
        """What a start needs. Raises Invalid or NotFound; segments' own refusals pass through (AioRpcError)."""
        await self._check_accounts(project, definition)
        email = None if definition.email is None else await self._resolved(definition.email, project)
        ready = await self._measured(project, definition, email)
        if EMAIL in definition.channels and email is not None:
            await self._check_required(project, definition, email, people=True)
        return ready

    async def check_due(self, *, tenant: bytes, project: bytes, definition: Definition) -> Ready:
        """The same as this service's own work for a tenant when a scheduled start is due: who came meanwhile without a
        field holds nothing up, nor does a part that is down. Raises Invalid, NotFound or a refusal."""
        bind_caller(Caller(organization=tenant, subject=SERVICE_SUBJECT + "campaigns"))
        email = None if definition.email is None else await self._resolved(definition.email, project)
        ready = Ready(0, 0, email=email, contact_fields=_fields(definition, email))
        try:
            await self._check_accounts(project, definition)
            ready = await self._measured(project, definition, email)
            if EMAIL in definition.channels and email is not None:
                await self._check_required(project, definition, email, people=False)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND):
                raise
        return ready

    async def _measured(self, project: bytes, definition: Definition, email: EmailContent | None) -> Ready:
        http = definition.http if HTTP in definition.channels else None
        fields = () if http is None else http.contact_fields
        size = await self._audiences.measure(project=project, definition=definition, fields=fields)
        for index, (field, count) in enumerate(zip(fields, _in_order(fields, size.fields), strict=True)):
            if not count.known:
                raise _unknown(field, f"http_content.contact_fields[{index}]")
        return Ready(size.messages, size.contacts, email=email, contact_fields=_fields(definition, email))

    async def _resolved(self, content: EmailContent, project: bytes) -> EmailContent:
        """The content with the words of its template."""
        if content.template is None:
            return content
        name, path = content.template, "email_content.template"
        tenant = current_caller().tenant()
        found = await self._database.transaction(
            lambda tx: template_repository.find(tx, tenant=tenant, template=name.template, version=name.version)
        )
        if found is None or found.project != project:
            raise channel_messages.template_not_found(path)
        words = found.words
        version = dataclasses.replace(name, version=found.version)
        return dataclasses.replace(content, template=version, subject=words.subject, html=words.html, text=words.text)

    async def _check_accounts(self, project: bytes, definition: Definition) -> None:
        if definition.email is not None:
            await self._check_account(project, definition.email.provider_account, "email_content", kind="smtp")
        if definition.http is not None:
            await self._check_account(project, definition.http.provider_account, "http_content", kind="http")

    async def _check_account(self, project: bytes, account: bytes | None, content: str, *, kind: str) -> None:
        if account is None:
            return
        path, name = f"{content}.provider_account", channel_messages.account_to(account, project)
        try:
            found: ProviderAccount = await self._accounts.GetProviderAccount(GetProviderAccountRequest(name=name))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            raise NotFound("PROVIDER_ACCOUNT_NOT_FOUND", "There is no such provider account.", field=path) from error
        if found.WhichOneof("provider") != kind:
            raise Invalid("PROVIDER_ACCOUNT_UNFIT", f"An account of the kind {kind!r} is needed.", field=path)

    async def _check_required(
        self, project: bytes, definition: Definition, email: EmailContent, *, people: bool
    ) -> None:
        """Invalid where a field that is shown without a default is nobody's, or, of `people`, somebody's is absent."""
        compiled = email.compiled("email_content")
        if not compiled.required:
            return
        by_email = dataclasses.replace(definition, channels=(EMAIL,))
        size = await self._audiences.measure(project=project, definition=by_email, fields=list(compiled.required))
        for count in size.fields:
            path = _part(definition, compiled, count.field)
            if not count.known:
                raise _unknown(count.field, path)
            if people and count.absent:
                raise Invalid(
                    "FIELD_ABSENT",
                    f"{count.absent} of these people have no {count.field}: say what stands for it, such as"
                    f' {{{{ {count.field} | default("…") }}}}.',
                    field=path,
                    metadata={"contact_field": count.field, "contacts": str(count.absent)},
                )


def _in_order(fields: Sequence[str], counts: Sequence[FieldCount]) -> Iterator[FieldCount]:
    by_name = {count.field: count for count in counts}
    return (by_name[field_name(field)] for field in fields)


def _part(definition: Definition, compiled: EmailTemplate, field: str) -> str:
    """The path of what shows a field."""
    assert definition.email is not None
    return f"email_content.{'template' if definition.email.template else compiled.required[field]}"


def _unknown(field: str, path: str) -> Invalid:
    message = f"No contact of the project ever carried {field!r}."
    return Invalid("UNKNOWN_FIELD", message, field=path, metadata={"contact_field": field})


def _fields(definition: Definition, email: EmailContent | None) -> tuple[str, ...]:
    """The fields of contacts that the contents of its channels use."""
    fields: set[str] = set()
    if EMAIL in definition.channels and email is not None:
        fields |= set(email.compiled("email_content").fields)
    if HTTP in definition.channels and definition.http is not None:
        fields |= {field_name(field) for field in definition.http.contact_fields}
    return tuple(sorted(fields))
