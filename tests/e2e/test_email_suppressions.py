"""An email's own link unsubscribes, a mailbox that is gone is left out, and both can be taken back."""

from __future__ import annotations

import aiohttp

from tests.e2e.books import wait_until_ended
from tests.stacks import Running
from tools.client import Client, Json
from tools.providers import add_mail_account, add_template
from tools.workspace import Workspace, add_people, last_part

FORM = {"content-type": "application/x-www-form-urlencoded"}
PEOPLE = 5


class Sender:
    """Sends emails to everybody of a workspace."""

    def __init__(self, native: Client, reachbell: Client, workspace: Workspace, content: Json) -> None:
        self._native = native
        self._reachbell = reachbell
        self._project = f"/v1/projects/{workspace.project}"
        self._content = content

    async def send(self) -> str:
        """The path of a campaign that has ended."""
        draft = {
            "displayName": "Spring",
            "channels": ["CHANNEL_EMAIL"],
            "audience": {"filter": {}},
            "schedule": {"immediate": True},
            "emailContent": self._content,
        }
        made = await self._native.call("POST", f"{self._project}/campaigns", draft)
        await wait_until_ended(self._reachbell, last_part(made["name"]), seconds=60)
        return f"/v1/{made['name']}"

    async def messages(self, campaign: str) -> dict[str, tuple[str, str]]:
        """Contact → state and reason."""
        page = await self._native.call("GET", f"{campaign}/messages")
        return {
            item["contact"]: (item["state"].removeprefix("MESSAGE_STATE_"), item["reason"]) for item in page["messages"]
        }


async def a_sender(stack: Running, workspace: Workspace, native: Client, reachbell: Client) -> Sender:
    content = {
        "providerAccount": await add_mail_account(stack.described, workspace),
        "template": await add_template(stack.described, workspace),
        "fromEmail": "news@example.com",
    }
    return Sender(native, reachbell, workspace, content)


async def post(url: str) -> int:
    """As a mail program does."""
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data="List-Unsubscribe=One-Click", headers=FORM) as answer:
            return answer.status


async def test_the_link_in_an_email_unsubscribes_whoever_got_it(
    stack: Running, workspace: Workspace, native: Client, reachbell: Client, sandbox: Client
) -> None:
    await add_people(stack.described, workspace, PEOPLE)
    sender = await a_sender(stack, workspace, native, reachbell)
    first = await sender.send()
    lines = [line async for line in sandbox.lines("GET", "/messages", campaign=last_part(first), content="1")]
    link = lines[0]["content"]["unsubscribe"]

    status = await post(link)
    second = await sender.messages(await sender.send())
    (left_out,) = [contact for contact, (state, _) in second.items() if state == "SUPPRESSED"]
    explained = await native.call("GET", f"{first}:explainRecipient", contact=left_out)
    await native.call("POST", f"/v1/{left_out}:unsuppress", {"channels": ["CHANNEL_EMAIL"]})
    third = await sender.messages(await sender.send())

    assert link.startswith(stack.described["public"] + "/u/")
    assert status == 200
    assert second[left_out] == ("SUPPRESSED", "UNSUBSCRIBED")
    assert sorted(state for state, _ in second.values()) == ["SENT"] * (PEOPLE - 1) + ["SUPPRESSED"]
    assert explained["findings"][0]["state"] == "MESSAGE_STATE_SENT"
    assert explained["findings"][0]["suppression"]["reason"] == "UNSUBSCRIBED"
    assert [state for state, _ in third.values()] == ["SENT"] * PEOPLE


async def test_a_mailbox_that_is_gone_is_left_out_until_somebody_says_otherwise(
    stack: Running, workspace: Workspace, native: Client, reachbell: Client, sandbox: Client
) -> None:
    await add_people(stack.described, workspace, PEOPLE)
    sender = await a_sender(stack, workspace, native, reachbell)
    await sandbox.call("PUT", "/faults", {"gone": 1.0})
    try:
        first = await sender.messages(await sender.send())
    finally:
        await sandbox.call("DELETE", "/faults")

    second = await sender.messages(await sender.send())
    anna = next(iter(second))
    listed = await native.call("GET", f"/v1/{anna}/suppressions")
    left = await native.call("POST", f"/v1/{anna}:unsuppress", {"channels": ["CHANNEL_EMAIL"]})
    third = await sender.messages(await sender.send())

    assert {state for state, _ in first.values()} == {"FAILED"}
    assert set(second.values()) == {("SUPPRESSED", "HARD_BOUNCE")}
    assert [item["reason"] for item in listed["suppressions"]] == ["HARD_BOUNCE"]
    assert listed["suppressions"][0]["address"].endswith("@example.com")
    assert left.get("suppressions", []) == []
    assert third.pop(anna)[0] == "FAILED", "the mailbox, which is still gone, was not asked again"
    assert set(third.values()) == {("SUPPRESSED", "HARD_BOUNCE")}
