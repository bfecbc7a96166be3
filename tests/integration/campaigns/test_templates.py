"""Templates: every change is a new version, and the old ones stay."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from carillon.campaigns.v1.templates_pb2 import Template
from carillon.campaigns.v1.templates_service_pb2 import (
    CreateTemplateRequest,
    GetTemplateRequest,
    ListTemplatesRequest,
    UpdateTemplateRequest,
)
from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_PUSH
from google.protobuf.field_mask_pb2 import FieldMask

from services import names
from services.campaigns.templates_api import TemplatesApi
from services.runtime import ids
from services.runtime.errors import Conflict, Invalid, NotFound
from services.runtime.idempotency import Idempotency
from services.runtime.identity import Caller, bind_caller
from tests.integration.campaigns.operators import Operators


class Api:
    """The service, called by the operators' own caller."""

    def __init__(self, operators: Operators) -> None:
        bind_caller(operators.caller)
        self.parent = names.join(("projects", operators.project))
        self._api = TemplatesApi(
            database=operators.database,
            projects=SimpleNamespace(require=self._require),  # type: ignore[arg-type]
            idempotency=Idempotency(database=operators.database, clock=operators.clock, services=()),
            clock=operators.clock,
        )

    async def _require(self, caller: Caller, project: bytes) -> None:
        """Every project is the caller's."""

    async def create(self, **fields: Any) -> Template:
        """A template, whole unless the test says otherwise."""
        whole = {"display_name": "Welcome", "subject": "Hello", "html": "<p>{{ firstName | default('you') }}</p>"}
        request = CreateTemplateRequest(parent=self.parent, template=Template(**whole | fields))
        return await self._api.CreateTemplate(request, None)

    async def get(self, name: str) -> Template:
        """The template of that name."""
        return await self._api.GetTemplate(GetTemplateRequest(name=name), None)

    async def update(self, name: str, *paths: str, **fields: str) -> Template:
        """A new version."""
        template = Template(name=name, **fields)  # type: ignore[arg-type]
        request = UpdateTemplateRequest(template=template, update_mask=FieldMask(paths=paths))
        return await self._api.UpdateTemplate(request, None)

    async def list_all(self, *, page_size: int) -> list[Template]:
        """All of them, page by page."""
        found: list[Template] = []
        request = ListTemplatesRequest(parent=self.parent, page_size=page_size)
        while True:
            answer = await self._api.ListTemplates(request, None)
            assert len(answer.templates) <= page_size
            found += answer.templates
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token


@pytest.fixture
def api(operators: Operators) -> Api:
    """Templates of a project of the test's own."""
    return Api(operators)


async def test_a_template_is_answered_as_it_was_made(api: Api) -> None:
    made = await api.create()

    assert await api.get(made.name) == made
    assert (made.version, made.channel, list(made.contact_fields)) == (1, CHANNEL_EMAIL, ["first_name"])


async def test_every_change_is_a_new_version_and_the_old_ones_stay(api: Api) -> None:
    made = await api.create()
    changed = await api.update(made.name, subject="Hi {{ plan }}")
    again = await api.update(made.name, "html", "text", text="Hello")

    assert [changed.version, again.version] == [2, 3]
    assert (again.subject, again.html, again.text) == ("Hi {{ plan }}", "", "Hello")
    assert await api.get(made.name) == again
    first = await api.get(f"{made.name}@1")
    assert (first.name, first.subject, list(first.contact_fields)) == (f"{made.name}@1", "Hello", ["first_name"])
    assert (await api.get(f"{made.name}@2")).subject == "Hi {{ plan }}"
    with pytest.raises(NotFound):
        await api.get(f"{made.name}@4")


async def test_what_changes_nothing_makes_no_version(api: Api) -> None:
    made = await api.create()

    assert (await api.update(made.name, subject="Hello")).version == 1


async def test_of_two_changes_at_once_each_is_a_version(api: Api) -> None:
    made = await api.create()

    changed = await asyncio.gather(*(api.update(made.name, subject=f"Hello {index}") for index in range(8)))

    assert sorted(template.version for template in changed) == list(range(2, 10))
    newest = max(changed, key=lambda template: template.version)
    assert (await api.get(made.name)).subject == newest.subject


async def test_a_change_of_what_has_changed_since_is_refused(api: Api) -> None:
    made = await api.create()
    await api.update(made.name, subject="Hi")

    with pytest.raises(Conflict) as refused:
        await api.update(made.name, etag=made.etag, subject="Mine")

    assert refused.value.reason == "TEMPLATE_CHANGED"


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"display_name": ""}, "FIELD_REQUIRED", "template.display_name"),
        ({"subject": ""}, "FIELD_REQUIRED", "template.subject"),
        ({"html": ""}, "FIELD_REQUIRED", "template.html"),
        ({"subject": "a\nb"}, "TEXT_INVALID", "template.subject"),
        ({"html": "{{ open"}, "TEMPLATE_INVALID", "template.html"),
        ({"text": "{% for x in y %}{% endfor %}"}, "TEMPLATE_INVALID", "template.text"),
        ({"text": "x" * (256 * 1024 + 1)}, "TEXT_TOO_LONG", "template.text"),
        ({"channel": CHANNEL_PUSH}, "CHANNEL_INVALID", "template.channel"),
    ],
)
async def test_what_cannot_be_sent_is_refused_at_its_field_and_not_stored(
    api: Api, fields: dict[str, Any], reason: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await api.create(**fields)

    assert (refused.value.reason, refused.value.field) == (reason, field)
    assert await api.list_all(page_size=10) == []


async def test_a_change_to_what_cannot_be_sent_is_refused_and_nothing_is_stored(api: Api) -> None:
    made = await api.create()

    for paths, fields in (((), {"html": "{{ open"}), (("html",), {}), (("version",), {})):
        with pytest.raises(Invalid):
            await api.update(made.name, *paths, **fields)
    with pytest.raises(Invalid):
        await api.update(f"{made.name}@1", subject="Changed")

    assert await api.get(made.name) == made


async def test_templates_are_listed_oldest_first_without_their_bodies(api: Api) -> None:
    made = [await api.create(display_name=f"Number {index}") for index in range(5)]
    await api.update(made[0].name, display_name="Changed")

    listed = await api.list_all(page_size=2)

    assert [item.name for item in listed] == [item.name for item in made]
    assert (listed[0].display_name, listed[0].version) == ("Changed", 2)
    assert {(item.html, item.text, tuple(item.contact_fields)) for item in listed} == {("", "", ("first_name",))}


async def test_another_tenants_template_is_none(api: Api) -> None:
    made = await api.create()
    bind_caller(Caller(organization=ids.new_id(), subject="key:2"))

    for call in (api.get(made.name), api.get(f"{made.name}@1"), api.update(made.name, subject="Theirs")):
        with pytest.raises(NotFound):
            await call
