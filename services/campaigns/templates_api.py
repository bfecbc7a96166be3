"""Owns TemplatesService: read the request, do it, answer.

Never holds a rule of the domain.
"""

from __future__ import annotations

from typing import Any

from carillon.campaigns.v1 import templates_pb2 as pb
from carillon.campaigns.v1 import templates_service_pb2 as api
from carillon.campaigns.v1.templates_service_pb2_grpc import TemplatesServiceServicer
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_UNSPECIFIED

from services import names
from services.campaigns import template_repository as templates
from services.campaigns.channel_messages import read_template_name, template_not_found
from services.campaigns.domain.email import TemplateName
from services.campaigns.domain.template import Template, check_etag
from services.campaigns.paging import page_token, read_page
from services.campaigns.template_messages import template_message, words_from, words_with
from services.projects import Projects
from services.runtime import ids
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Invalid
from services.runtime.idempotency import Idempotency
from services.runtime.identity import Caller, current_caller

DEFAULT_PAGE = 100
Context = Any


class TemplatesApi(TemplatesServiceServicer):
    """carillon.campaigns.v1.TemplatesService."""

    def __init__(self, *, database: Database, projects: Projects, idempotency: Idempotency, clock: Clock) -> None:
        self._database = database
        self._projects = projects
        self._idempotency = idempotency
        self._clock = clock

    async def CreateTemplate(self, request: api.CreateTemplateRequest, context: Context) -> pb.Template:
        """Make its first version."""
        caller, project = current_caller(), names.split_project(request.parent)
        await self._projects.require(caller, project)
        if request.template.channel not in (CHANNEL_UNSPECIFIED, CHANNEL_EMAIL):
            raise Invalid("CHANNEL_INVALID", "Templates are for CHANNEL_EMAIL.", field="template.channel")
        words, now = words_from(request.template), self._clock.now()
        template = Template(
            id=ids.new_id(),
            tenant=caller.tenant(),
            project=project,
            channel=CHANNEL_EMAIL,
            version=1,
            words=words,
            fields=words.fields(),
            created_at=now,
            updated_at=now,
        )

        async def work(tx: Transaction) -> pb.Template:
            await templates.add(tx, template)
            return template_message(template)

        return await self._idempotency.transaction(pb.Template, work)

    async def GetTemplate(self, request: api.GetTemplateRequest, context: Context) -> pb.Template:
        """Answer it, or one of its versions."""
        caller, (project, name) = current_caller(), read_template_name(request.name, "name")

        async def work(tx: Transaction) -> Template:
            return await self._own(tx, caller, project, name)

        return template_message(await self._database.transaction(work), version=name.version)

    async def ListTemplates(self, request: api.ListTemplatesRequest, context: Context) -> api.ListTemplatesResponse:
        """Answer a page, oldest first."""
        caller, project = current_caller(), names.split_project(request.parent)
        await self._projects.require(caller, project)
        limit, after = read_page(request.page_size, request.page_token, default=DEFAULT_PAGE)

        async def work(tx: Transaction) -> list[Template]:
            return await templates.list_page(
                tx, tenant=caller.tenant(), project=project, after=after or b"", limit=limit + 1
            )

        found = await self._database.transaction(work)
        return api.ListTemplatesResponse(
            templates=[template_message(template) for template in found[:limit]],
            next_page_token=page_token(found[limit - 1].id) if len(found) > limit else "",
        )

    async def UpdateTemplate(self, request: api.UpdateTemplateRequest, context: Context) -> pb.Template:
        """Make the next version."""
        caller, (project, name) = current_caller(), read_template_name(request.template.name, "template.name")
        if name.version is not None:
            raise Invalid("VERSION_NOT_EDITABLE", "A version stays as it is; name the template.", field="template.name")

        async def work(tx: Transaction) -> Template:
            old = await self._own(tx, caller, project, name, lock=True)
            check_etag(old, request.template.etag)
            words = words_with(old.words, request.template, request.update_mask.paths)
            new = old.changed(words, now=self._clock.now())
            if new.version != old.version:
                await templates.add_version(tx, new)
            return new

        return template_message(await self._database.transaction(work))

    async def _own(
        self, tx: Transaction, caller: Caller, project: bytes | None, name: TemplateName, *, lock: bool = False
    ) -> Template:
        found = await templates.find(
            tx, tenant=caller.tenant(), template=name.template, version=name.version, lock=lock
        )
        if found is None or project not in (None, found.project) or not caller.may_use(found.project):
            raise template_not_found("name")
        return found
