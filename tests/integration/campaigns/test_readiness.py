"""What keeps an email or an HTTP campaign from starting, said before it starts; and what a run is told."""

from __future__ import annotations

from functools import partial
from typing import Any

import grpc
import pytest

from services.campaigns import template_repository
from services.campaigns.domain.campaign import EMAIL, HTTP, Definition
from services.campaigns.domain.email import TemplateName
from services.campaigns.domain.template import Template, Words
from services.campaigns.readiness import Readiness
from services.runtime import ids
from services.runtime.database import Transaction
from services.runtime.errors import Invalid, NotFound
from services.runtime.identity import Caller, bind_caller
from tests.integration.campaigns.operators import Operators
from tests.integration.campaigns.peers import Delivery, Segments, readiness_of, refused
from tests.unit.services.campaigns.domain.builders import a_call, a_definition, an_email


@pytest.fixture
def segments() -> Segments:
    """Whoever knows people."""
    return Segments()


@pytest.fixture
def delivery_accounts() -> Delivery:
    """Whoever knows accounts."""
    return Delivery()


@pytest.fixture
def readiness(operators: Operators, segments: Segments, delivery_accounts: Delivery) -> Readiness:
    """Asked by the operators' own caller."""
    bind_caller(operators.caller)
    return readiness_of(operators.database, segments, delivery_accounts)


def by_email(**email: Any) -> Definition:
    return a_definition(channels=(EMAIL,), content=None, email=an_email(**email))


def by_http(**call: Any) -> Definition:
    return a_definition(channels=(HTTP,), content=None, http=a_call(**call))


async def _store(store: Any, template: Template, tx: Transaction) -> None:
    await store(tx, template)


async def save(operators: Operators, *, versions: int = 1, **words: str) -> bytes:
    """A template, of whose n-th version the subject is `Version n`."""
    now, template = operators.clock.now(), ids.new_id()
    for version in range(1, versions + 1):
        said = Words(**{"display_name": "x", "subject": f"Version {version}", "html": "x", "text": ""} | words)
        stored = Template(
            id=template,
            tenant=operators.caller.tenant(),
            project=operators.project,
            channel=EMAIL,
            version=version,
            words=said,
            fields=said.fields(),
            created_at=now,
            updated_at=now,
        )
        store = template_repository.add if version == 1 else template_repository.add_version
        await operators.database.transaction(partial(_store, store, stored))
    return template


async def test_an_email_without_fields_is_ready(operators: Operators, readiness: Readiness, segments: Segments) -> None:
    ready = await readiness.check(project=operators.project, definition=by_email())

    assert (ready.messages, ready.contacts, ready.contact_fields) == (10, 10, ())
    assert len(segments.asked) == 1


async def test_the_fields_of_all_contents_are_what_each_position_is_to_carry(
    operators: Operators, readiness: Readiness, segments: Segments
) -> None:
    segments.known = {"first_name": 0, "plan": 3, "email": 0}
    definition = a_definition(
        channels=(EMAIL, HTTP),
        email=an_email(subject="{{ firstName }}", html="{{ plan | default('x') }}"),
        http=a_call(contact_fields=("email", "firstName")),
    )

    ready = await readiness.check(project=operators.project, definition=definition)

    assert ready.contact_fields == ("email", "first_name", "plan")


async def test_what_another_channel_would_say_is_not_asked_for(
    operators: Operators, readiness: Readiness, segments: Segments
) -> None:
    definition = a_definition(email=an_email(html="{{ nobodys }}"), http=a_call(contact_fields=("nobodys",)))

    ready = await readiness.check(project=operators.project, definition=definition)

    assert ready.contact_fields == ()


async def test_a_field_that_nobody_ever_had_keeps_a_campaign_from_starting(
    operators: Operators, readiness: Readiness
) -> None:
    with pytest.raises(Invalid) as refusal:
        await readiness.check(project=operators.project, definition=by_email(html="<p>{{ nickName }}</p>"))

    assert (refusal.value.reason, refusal.value.field) == ("UNKNOWN_FIELD", "email_content.html")
    assert refusal.value.metadata == {"contact_field": "nick_name"}


async def test_a_field_that_some_people_lack_keeps_a_campaign_from_starting_unless_it_has_a_default(
    operators: Operators, readiness: Readiness, segments: Segments
) -> None:
    segments.known = {"first_name": 3}

    with pytest.raises(Invalid) as refusal:
        await readiness.check(project=operators.project, definition=by_email(subject="Hi {{ first_name }}"))
    ready = await readiness.check(project=operators.project, definition=by_email(subject="{{ first_name or 'you' }}"))

    assert (refusal.value.reason, refusal.value.field) == ("FIELD_ABSENT", "email_content.subject")
    assert refusal.value.metadata == {"contact_field": "first_name", "contacts": "3"}
    assert ready.contact_fields == ("first_name",)


async def test_a_scheduled_start_that_is_due_is_not_held_up_by_people_who_came_meanwhile(
    operators: Operators, readiness: Readiness, segments: Segments
) -> None:
    segments.known = {"first_name": 3}
    due: dict[str, Any] = {"tenant": operators.caller.tenant(), "project": operators.project}

    ready = await readiness.check_due(**due, definition=by_email(subject="Hi {{ first_name }}"))
    with pytest.raises(Invalid) as refusal:
        await readiness.check_due(**due, definition=by_email(subject="Hi {{ nickname }}"))

    assert ready.contact_fields == ("first_name",)
    assert refusal.value.reason == "UNKNOWN_FIELD"


async def test_a_scheduled_start_that_is_due_knows_its_email_though_the_other_parts_are_down(
    operators: Operators, readiness: Readiness, segments: Segments, delivery_accounts: Delivery
) -> None:
    template = await save(operators, html="{{ plan | default('x') }}")
    definition = by_email(template=TemplateName(template), subject="", html="")
    due: dict[str, Any] = {"tenant": operators.caller.tenant(), "project": operators.project, "definition": definition}

    segments.trouble = refused(grpc.StatusCode.UNAVAILABLE)
    without_segments = await readiness.check_due(**due)
    segments.trouble, delivery_accounts.trouble = None, refused(grpc.StatusCode.UNAVAILABLE)
    without_delivery = await readiness.check_due(**due)

    for ready in (without_segments, without_delivery):
        assert ready.email is not None
        assert (ready.email.subject, ready.contact_fields, ready.messages) == ("Version 1", ("plan",), 0)


async def test_a_field_that_calls_carry_must_be_somebodys(
    operators: Operators, readiness: Readiness, segments: Segments
) -> None:
    segments.known = {"email": 5}

    with pytest.raises(Invalid) as refusal:
        definition = by_http(contact_fields=("email", "nickname"))
        await readiness.check(project=operators.project, definition=definition)

    assert (refusal.value.reason, refusal.value.field) == ("UNKNOWN_FIELD", "http_content.contact_fields[1]")


@pytest.mark.parametrize(
    ("definition", "reason", "field"),
    [
        (by_email(provider_account=b"x" * 12), "PROVIDER_ACCOUNT_NOT_FOUND", "email_content.provider_account"),
        (by_email(provider_account=Delivery.HTTP), "PROVIDER_ACCOUNT_UNFIT", "email_content.provider_account"),
        (by_http(provider_account=b"x" * 12), "PROVIDER_ACCOUNT_NOT_FOUND", "http_content.provider_account"),
        (by_http(provider_account=Delivery.SMTP), "PROVIDER_ACCOUNT_UNFIT", "http_content.provider_account"),
        (
            by_email(template=TemplateName(b"x" * 12), subject="", html=""),
            "TEMPLATE_NOT_FOUND",
            "email_content.template",
        ),
    ],
)
async def test_what_is_named_must_be_there_and_of_the_right_kind_in_a_draft_too(
    operators: Operators, readiness: Readiness, definition: Definition, reason: str, field: str
) -> None:
    for check in (readiness.check, readiness.check_names):
        with pytest.raises((Invalid, NotFound)) as refusal:
            await check(project=operators.project, definition=definition)

        assert (refusal.value.reason, refusal.value.field) == (reason, field)


async def test_a_template_is_sent_in_its_newest_version_or_the_one_that_is_named(
    operators: Operators, readiness: Readiness
) -> None:
    template = await save(operators, versions=3)

    async def subject(version: int | None) -> str:
        definition = by_email(template=TemplateName(template, version), subject="", html="")
        ready = await readiness.check(project=operators.project, definition=definition)
        assert ready.email is not None
        return ready.email.subject

    assert [await subject(version) for version in (None, 1, 2, 3)] == [f"Version {n}" for n in (3, 1, 2, 3)]
    with pytest.raises(NotFound):
        await subject(4)


async def test_a_template_of_another_project_or_tenant_is_none(operators: Operators, readiness: Readiness) -> None:
    definition = by_email(template=TemplateName(await save(operators)), subject="", html="")

    with pytest.raises(NotFound):
        await readiness.check(project=ids.new_id(), definition=definition)
    bind_caller(Caller(organization=ids.new_id(), subject="key:2"))
    with pytest.raises(NotFound):
        await readiness.check(project=operators.project, definition=definition)


async def test_a_field_of_a_template_that_nobody_has_is_told_at_the_template(
    operators: Operators, readiness: Readiness
) -> None:
    template = await save(operators, html="{{ nickname }}")

    with pytest.raises(Invalid) as refusal:
        definition = by_email(template=TemplateName(template), subject="", html="")
        await readiness.check(project=operators.project, definition=definition)

    assert (refusal.value.reason, refusal.value.field) == ("UNKNOWN_FIELD", "email_content.template")


async def test_a_launched_campaign_tells_of_its_email_as_it_was_then(
    operators: Operators, readiness: Readiness, segments: Segments
) -> None:
    segments.known = {"first_name": 0}
    template = await save(operators, html="<p>{{ firstName }}</p>")
    definition = by_email(template=TemplateName(template), subject="", html="")
    ready = await readiness.check(project=operators.project, definition=definition)
    campaign = await operators.create(channels=(EMAIL,), content=None, email=definition.email)

    await operators.use_cases.start(caller=operators.caller, read=campaign, definition=definition, ready=ready)

    (started,) = [fact.run_started for fact in await operators.told(campaign) if fact.HasField("run_started")]
    assert (started.email_content.subject, started.email_content.html) == ("Version 1", "<p>{{ firstName }}</p>")
    assert list(started.contact_fields) == ["first_name"]
    stored = (await operators.row(campaign)).definition.email
    assert stored is not None and (stored.subject, stored.html) == ("", "")
