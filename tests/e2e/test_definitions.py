"""Emails are defined by the native API, refused before they start, and shown by ReachBell without content."""

from __future__ import annotations

import json

import pytest

from tests.stacks import Running
from tools.client import CallFailed, Client, Json
from tools.workspace import Workspace, last_part

CONTACTS = [
    {"externalId": "anna", "email": "Anna@EXAMPLE.com", "attributes": {"firstName": "Anna", "plan": "pro"}},
    {"externalId": "ben", "email": "ben@example.com", "attributes": {"plan": "free"}},
    {"externalId": "carla", "attributes": {"plan": "free"}},
]


class Author:
    """Somebody with a project of three people, two of them with an address, one of those with a first name."""

    def __init__(self, native: Client, workspace: Workspace) -> None:
        self.native = native
        self.project = f"/v1/projects/{workspace.project}"
        self.account = ""

    async def prepare(self) -> None:
        """The people, and an account that nobody ever connects to."""
        await self.native.call("POST", f"{self.project}/contacts:batchUpsert", {"contacts": CONTACTS})
        smtp = {"displayName": "Mail", "smtp": {"host": "smtp.example.com"}}
        self.account = (await self.native.call("POST", f"{self.project}/providerAccounts", smtp))["name"]

    async def create(self, *, schedule: Json | None = None, **email: str) -> Json:
        """A campaign by email; a draft unless the test says otherwise."""
        content = {"providerAccount": self.account, "fromEmail": "shop@example.com", "subject": "Hi", "text": "x"}
        body = {
            "displayName": "Mail",
            "channels": ["CHANNEL_EMAIL"],
            "audience": {"filter": {}},
            "emailContent": content | email,
            **({"schedule": schedule} if schedule else {}),
        }
        created: Json = await self.native.call("POST", f"{self.project}/campaigns", body)
        return created

    async def refusal(self, **email: str) -> tuple[int, str, str]:
        """(status, reason, field) of a campaign that would have started in a year."""
        with pytest.raises(CallFailed) as refused:
            await self.create(schedule={"startTime": "2099-01-01T00:00:00Z"}, **email)
        reason, fields = json.loads(refused.value.body)["error"]["details"][:2]
        return refused.value.status, reason["reason"], fields["fieldViolations"][0]["field"]


@pytest.fixture
async def author(native: Client, workspace: Workspace) -> Author:
    author = Author(native, workspace)
    await author.prepare()
    return author


async def test_an_address_is_kept_with_its_domain_in_lower_case(author: Author) -> None:
    answer = await author.native.call("POST", f"{author.project}/contacts:batchUpsert", {"contacts": CONTACTS})

    found = await author.native.call("GET", f"/v1/{answer['names'][0]}")
    assert found["email"] == "Anna@example.com"


async def test_what_is_no_address_is_refused_at_its_contact_and_nothing_is_stored(author: Author) -> None:
    contacts = [*({"externalId": f"new-{index}"} for index in range(3)), {"externalId": "x", "email": "a@x.de,b@y.de"}]

    with pytest.raises(CallFailed) as refused:
        await author.native.call("POST", f"{author.project}/contacts:batchUpsert", {"contacts": contacts})
    count = {"audience": {"filter": {}}, "channels": ["CHANNEL_HTTP"]}
    size = await author.native.call("POST", f"{author.project}:countAudience", count)

    assert refused.value.status == 400
    assert "contacts[3].email" in refused.value.body
    assert size["contactCount"] == len(CONTACTS)


async def test_an_audience_is_counted_by_its_channels(author: Author) -> None:
    async def count(*channels: str) -> tuple[int, int]:
        body = {"audience": {"filter": {}}, "channels": [f"CHANNEL_{channel}" for channel in channels]}
        answer = await author.native.call("POST", f"{author.project}:countAudience", body)
        return answer.get("contactCount", 0), answer.get("messageCount", 0)

    assert await count("EMAIL") == (2, 2)
    assert await count("HTTP") == (3, 3)
    assert await count("PUSH") == (0, 0)
    assert await count("PUSH", "EMAIL", "HTTP") == (3, 5)


async def test_a_campaign_that_cannot_be_sent_as_it_is_meant_is_refused_before_it_starts(author: Author) -> None:
    loop = "{% for i in range(1000000000) %}x{% endfor %}"
    assert await author.refusal(text="\n{{ open") == (400, "TEMPLATE_INVALID", "email_content.text")
    assert await author.refusal(text=loop) == (400, "TEMPLATE_INVALID", "email_content.text")
    assert await author.refusal(subject="Hi {{ nickname }}") == (400, "UNKNOWN_FIELD", "email_content.subject")
    assert await author.refusal(text="{{ first_name }}") == (400, "FIELD_ABSENT", "email_content.text")
    assert await author.refusal(fromEmail="a@x.de\r\nBcc: b@y.de") == (400, "EMAIL_INVALID", "email_content.from_email")
    assert await author.refusal(subject="Hi\r\nBcc: b@y.de") == (400, "TEXT_INVALID", "email_content.subject")
    with pytest.raises(CallFailed) as refused:
        await author.create(providerAccount=author.account[:-1] + ("0" if author.account[-1] != "0" else "1"))

    assert refused.value.status == 404
    listed = await author.native.call("GET", f"{author.project}/campaigns")
    assert listed.get("totalSize", 0) == 0


async def test_a_campaign_whose_fields_have_defaults_is_scheduled(author: Author) -> None:
    text = "Hi {{ firstName | default('there') }}, {{ plan }}"

    created = await author.create(schedule={"startTime": "2099-01-01T00:00:00Z"}, text=text)

    assert (created["state"], created["queuedMessageCount"]) == ("STATE_SCHEDULED", 0)
    assert created["emailContent"]["text"] == text


async def test_reachbell_shows_a_campaign_by_email_with_content_null(
    stack: Running, author: Author, reachbell: Client, workspace: Workspace
) -> None:
    path = f"/campaigns/{last_part((await author.create())['name'])}"

    shown = await reachbell.call("GET", path)
    listed = await reachbell.call("GET", f"/campaigns/project/{workspace.project}")
    renamed = await reachbell.call("PATCH", path, {**shown, "name": "Renamed"})
    with pytest.raises(CallFailed) as refused:
        await reachbell.call("PATCH", path, {"content": {"title": "A push"}})

    assert "content" in shown and shown["content"] is None
    assert listed["items"] == [shown]
    assert (renamed["name"], renamed["content"], renamed["status"]) == ("Renamed", None, "draft")
    assert (refused.value.status, json.loads(refused.value.body)["error"]["code"]) == (409, "campaign_not_push")
    kept = await author.native.call("GET", f"{author.project}/campaigns/{shown['id']}")
    assert (kept["channels"], kept["emailContent"]["subject"]) == (["CHANNEL_EMAIL"], "Hi")


async def test_a_template_is_made_changed_and_read_by_version(author: Author) -> None:
    words = {"displayName": "Welcome", "subject": "Hi {{ firstName | default('you') }}", "text": "Hello"}

    made = await author.native.call("POST", f"{author.project}/templates", words)
    changed = await author.native.call("PATCH", f"/v1/{made['name']}", {"subject": "Hello"})
    first = await author.native.call("GET", f"/v1/{made['name']}@1")
    listed = await author.native.call("GET", f"{author.project}/templates")
    with pytest.raises(CallFailed) as refused:
        await author.native.call("POST", f"{author.project}/templates", words | {"text": "{{ open"})

    assert (made["version"], made["contactFields"], changed["version"]) == (1, ["first_name"], 2)
    assert (first["subject"], first["name"]) == (words["subject"], f"{made['name']}@1")
    assert [template["subject"] for template in listed["templates"]] == ["Hello"]
    assert refused.value.status == 400 and "template.text" in refused.value.body
