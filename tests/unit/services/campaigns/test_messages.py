"""What the author wrote comes back as it was written, and every word of the contract is carried."""

from __future__ import annotations

import datetime
from dataclasses import fields
from typing import Any

import pytest
from carillon.campaigns.v1 import campaigns_pb2 as pb
from carillon.segments.v1.segments_pb2 import CHANNEL_PUSH
from hypothesis import given
from hypothesis import strategies as st

from services import names
from services.campaigns import messages
from services.campaigns.domain.campaign import EMAIL, HTTP, Audience, Definition
from services.campaigns.domain.content import PushAction, PushContent
from services.campaigns.domain.email import EmailContent, TemplateName
from services.campaigns.domain.http_call import HttpContent
from services.campaigns.domain.utm import Utm
from services.runtime.errors import Invalid, NotFound
from services.runtime.ids import new_id
from tests.unit.services.campaigns.domain.builders import (
    LATER,
    NOW,
    a_call,
    a_campaign,
    a_definition,
    a_push,
    a_run,
    an_action,
    an_email,
)

PROJECT = bytes(11) + b"\3"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
instants = st.datetimes(
    min_value=datetime.datetime(2000, 1, 1), max_value=datetime.datetime(2100, 1, 1), timezones=st.just(datetime.UTC)
)
audiences = st.one_of(
    st.builds(Audience, segment=st.binary(min_size=12, max_size=12)), st.just(Audience(filter=b"")), st.none()
)
actions = st.builds(PushAction, action=texts, title=texts, url=texts)
contents = st.builds(
    PushContent,
    title=texts,
    body=texts,
    icon_url=texts,
    image_url=texts,
    click_url=texts,
    actions=st.lists(actions, max_size=3).map(tuple),
)
accounts = st.one_of(st.binary(min_size=12, max_size=12), st.none())
emails = st.builds(
    EmailContent,
    provider_account=accounts,
    template=st.one_of(
        st.builds(TemplateName, st.binary(min_size=12, max_size=12), st.one_of(st.integers(1, 99), st.none())),
        st.none(),
    ),
    from_email=texts,
    from_name=texts,
    reply_to=texts,
    subject=texts,
    html=texts,
    text=texts,
)
calls = st.builds(
    HttpContent, provider_account=accounts, content=texts, contact_fields=st.lists(texts, max_size=3).map(tuple)
)
whens: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({}),
    st.fixed_dictionaries({"immediate": st.just(True)}),
    st.fixed_dictionaries({"start_at": instants}),
)
definitions = whens.flatmap(
    lambda when: st.builds(
        Definition,
        display_name=texts,
        channels=st.lists(st.integers(0, 9), max_size=3, unique=True).map(tuple),
        audience=audiences,
        content=st.one_of(contents, st.none()),
        email=st.one_of(emails, st.none()),
        http=st.one_of(calls, st.none()),
        unknown_policy=st.integers(0, 2),
        time_zone=texts,
        utm=st.builds(Utm, source=texts, medium=texts, campaign=texts, term=texts, content=texts),
        labels=st.dictionaries(texts, texts, max_size=3),
        vendor_fields=texts,
        **{name: st.just(value) for name, value in when.items()},
    )
)


@given(definitions)
def test_a_definition_is_read_back_from_where_it_is_stored(definition: Definition) -> None:
    stored = messages.definition_to(definition, PROJECT).SerializeToString()

    assert messages.definition_from(pb.Campaign.FromString(stored), PROJECT) == definition


def test_a_segment_of_another_project_is_no_segment() -> None:
    message = pb.Campaign()
    message.audience.segment = names.join(("projects", new_id()), ("segments", new_id()))

    with pytest.raises(NotFound) as refused:
        messages.definition_from(message, PROJECT)

    assert (refused.value.reason, refused.value.field) == ("SEGMENT_NOT_FOUND", "audience.segment")


def test_a_channel_named_twice_is_named_once() -> None:
    assert messages.definition_from(pb.Campaign(channels=[CHANNEL_PUSH] * 2), PROJECT).channels == (CHANNEL_PUSH,)


def test_every_utm_word_is_carried() -> None:
    assert set(messages.UTM_FIELDS) == {field.name for field in fields(Utm)} == set(pb.Utm.DESCRIPTOR.fields_by_name)


def test_every_part_of_a_push_is_carried() -> None:
    assert {field.name for field in fields(PushContent)} == set(pb.PushContent.DESCRIPTOR.fields_by_name)
    assert {field.name for field in fields(PushAction)} == set(pb.PushAction.DESCRIPTOR.fields_by_name)


def test_every_part_of_an_email_and_of_a_call_is_carried() -> None:
    assert {field.name for field in fields(EmailContent)} == set(pb.EmailContent.DESCRIPTOR.fields_by_name)
    assert {field.name for field in fields(HttpContent)} == set(pb.HttpContent.DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("path", ["email_content.provider_account", "http_content.provider_account"])
def test_an_account_of_another_project_is_no_account(path: str) -> None:
    message, content = pb.Campaign(), path.partition(".")[0]
    getattr(message, content).provider_account = names.join(("projects", new_id()), ("providerAccounts", new_id()))

    with pytest.raises(NotFound) as refused:
        messages.definition_from(message, PROJECT)

    assert (refused.value.reason, refused.value.field) == ("PROVIDER_ACCOUNT_NOT_FOUND", path)


@pytest.mark.parametrize("version", ["", "0", "-1", "01", "x", "²", "9" * 11, "1@2"])
def test_what_is_no_version_of_a_template_is_no_template(version: str) -> None:
    message = pb.Campaign()
    message.email_content.template = names.join(("projects", PROJECT), ("templates", new_id())) + "@" + version

    with pytest.raises(NotFound) as refused:
        messages.definition_from(message, PROJECT)

    assert (refused.value.reason, refused.value.field) == ("TEMPLATE_NOT_FOUND", "email_content.template")


def test_a_listed_campaign_lacks_the_bodies_of_its_email_and_nothing_else() -> None:
    campaign = a_campaign(definition=a_definition(email=an_email(text="Hello")))

    listed, whole = messages.listed(messages.campaign_to(campaign)), messages.campaign_to(campaign)

    assert (listed.email_content.html, listed.email_content.text) == ("", "")
    listed.email_content.html, listed.email_content.text = whole.email_content.html, whole.email_content.text
    assert listed == whole


def test_a_run_is_announced_with_what_its_channels_say() -> None:
    definition = a_definition(channels=(EMAIL, HTTP), http=a_call(content='{"a": 1}'), unknown_policy=2)
    email = an_email(html="<p>{{ first_name }}</p>")

    fact = messages.run_started(
        a_campaign(definition=definition), a_run(), lifetime=LATER - NOW, email=email, contact_fields=("first_name",)
    )

    started = fact.run_started
    assert (started.email_content.html, started.http_content.content) == ("<p>{{ first_name }}</p>", '{"a": 1}')
    assert (started.unknown_policy, list(started.contact_fields)) == (2, ["first_name"])


def test_a_run_is_not_told_of_what_goes_no_way() -> None:
    definition = a_definition(http=a_call())

    fact = messages.run_started(a_campaign(definition=definition), a_run(), lifetime=LATER - NOW, email=an_email())

    assert not fact.run_started.HasField("email_content")
    assert not fact.run_started.HasField("http_content")


def test_what_is_no_instant_is_refused_at_its_field() -> None:
    message = pb.Campaign()
    message.schedule.start_time.seconds = 10**15

    with pytest.raises(Invalid) as refused:
        messages.definition_from(message, PROJECT)

    assert refused.value.field == "schedule.start_time"


def test_a_run_is_announced_with_words_appended_and_a_last_instant() -> None:
    definition = a_definition(
        utm=Utm(source="ours"),
        content=a_push(click_url="https://example.com/", actions=(an_action(url=""),)),
    )

    fact = messages.run_started(a_campaign(definition=definition), a_run(), lifetime=LATER - NOW)

    started = fact.run_started
    assert started.push_content.click_url == "https://example.com/?utm_source=ours"
    assert started.push_content.actions[0].url == "https://example.com/?utm_source=ours"
    assert started.expire_time.ToDatetime(tzinfo=datetime.UTC) == LATER
    assert started.identity_run == started.run == a_run().id
