"""Every example of ReachBell's document, replayed through Envoy and compared whole."""

from __future__ import annotations

import asyncio
import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.dialects.reachbell.replay import Answered, assert_documented, run
from tests.dialects.reachbell.substitutions import EXAMPLES, TABLE, example, facts
from tests.e2e.books import wait_until_ended
from tests.stacks import Running
from tools.client import Client, Json
from tools.workspace import Workspace, add_people

PEOPLE = 60
IN_THE_US = 6
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ID = re.compile(r"cmp_[0-9A-Z]{20}")

# The further keys of the full object, beside what an example sends and answers.
STATS = ("queued", "sent", "delivered", "clicked", "dismissed", "failed", "ctr", "deliveryRate")
NOTHING = dict.fromkeys(STATS, 0)


class Replayer:
    """Runs examples in one workspace; what it learns of ids and counts stands for the documented ones."""

    def __init__(self, stack: Running, workspace: Workspace, folder: Path) -> None:
        self.known: Mapping[str, str] = facts(stack, workspace)
        self._folder = folder

    def learn(self, **more: Any) -> None:
        self.known = {**self.known, **{name: str(value) for name, value in more.items()}}

    async def run(self, file: str) -> Answered:
        return await asyncio.to_thread(run, example(file, self.known), self._folder)

    def documented(self, file: str) -> Any:
        return json.loads(example(file, self.known))

    def sent_by(self, file: str) -> Any:
        """The body that an example sends."""
        return json.loads(example(file, self.known).split("-d '")[1].rstrip().removesuffix("'"))

    async def create(self) -> Json:
        created: Json = (await self.run("create.sh")).json
        self.learn(campaign=created["id"], created=created["createdAt"], queued=IN_THE_US)
        return created


@pytest.fixture
async def replayer(stack: Running, workspace: Workspace, tmp_path: Path) -> Replayer:
    await add_people(stack.described, workspace, PEOPLE)
    return Replayer(stack, workspace, tmp_path)


def full(body: Json, *, id: str, status: str, created: str, updated: str, **stats: float) -> Json:
    """The full campaign object, pinned."""
    content = {"actions": []} | body["content"]
    rest = {"id": id, "status": status, "stats": NOTHING | stats, "createdAt": created, "updatedAt": updated}
    return body | {"content": content} | rest


async def test_create(replayer: Replayer) -> None:
    answer = await replayer.run("create.sh")

    created = answer.json
    replayer.learn(campaign=created["id"], created=created["createdAt"], queued=IN_THE_US)
    assert answer.status == 201
    assert ID.fullmatch(created["id"]) and INSTANT.fullmatch(created["createdAt"])
    assert INSTANT.fullmatch(created["updatedAt"])
    assert_documented(created, replayer.documented("create_answer.json"))
    assert created == full(
        replayer.sent_by("create.sh"),
        id=created["id"],
        status="sending",
        created=created["createdAt"],
        updated=created["updatedAt"],
        queued=IN_THE_US,
    )


async def test_the_body_shape_creates_and_updates(replayer: Replayer, reachbell: Client) -> None:
    body = replayer.documented("body_shape.json")

    created = await reachbell.call("POST", "/campaigns", body)
    draft = await reachbell.call("POST", "/campaigns", {"name": "x", "projectId": body["projectId"]})
    updated = await reachbell.call("PATCH", f"/campaigns/{draft['id']}", body)

    for answer in (created, updated, await reachbell.call("GET", f"/campaigns/{created['id']}")):
        assert_documented(answer, body)
        assert answer == full(
            body, id=answer["id"], status="scheduled", created=answer["createdAt"], updated=answer["updatedAt"]
        )


async def test_list(replayer: Replayer, reachbell: Client) -> None:
    created = await replayer.create()
    ended = await wait_until_ended(reachbell, created["id"], seconds=30)

    answer = await replayer.run("list.sh")

    assert answer.status == 200
    assert answer.json == {"items": [ended], "page": 1, "pageSize": 20, "total": 1}


async def test_get(replayer: Replayer, reachbell: Client) -> None:
    created = await replayer.create()
    await wait_until_ended(reachbell, created["id"], seconds=30)

    answer = await replayer.run("get.sh")

    assert answer.status == 200
    assert answer.json == full(
        replayer.sent_by("create.sh"),
        id=created["id"],
        status="sent",
        created=created["createdAt"],
        updated=answer.json["updatedAt"],
        queued=IN_THE_US,
        sent=IN_THE_US,
        delivered=IN_THE_US,
        deliveryRate=1,
    )
    documented = ["queued", "sent", "delivered", "clicked", "dismissed", "failed", "ctr", "deliveryRate"]
    assert list(answer.json["stats"]) == documented


async def test_update(replayer: Replayer, reachbell: Client) -> None:
    body = replayer.sent_by("create.sh") | {"schedule": {"mode": "draft"}}
    draft = await reachbell.call("POST", "/campaigns", body)
    replayer.learn(campaign=draft["id"])

    answer = await replayer.run("update.sh")

    content = draft["content"] | replayer.sent_by("update.sh")["content"]
    assert answer.status == 200
    assert answer.json == draft | {"content": content, "updatedAt": answer.json["updatedAt"]}
    assert answer.json["content"]["title"] == "Spring sale — last chance"


async def test_once_it_is_sending_an_update_is_409(replayer: Replayer) -> None:
    await replayer.create()

    answer = await replayer.run("update.sh")

    assert (answer.status, answer.json["error"]["code"]) == (409, "campaign_not_editable")


async def test_delete(replayer: Replayer, reachbell: Client) -> None:
    draft = await reachbell.call("POST", "/campaigns", {"name": "x", "projectId": replayer.known["project"]})
    replayer.learn(campaign=draft["id"])

    answer = await replayer.run("delete.sh")

    assert (answer.status, answer.text) == (204, "")
    assert (await replayer.run("get.sh")).status == 404


async def test_a_sent_campaign_is_not_deleted_but_archived(replayer: Replayer, reachbell: Client) -> None:
    created = await replayer.create()
    await wait_until_ended(reachbell, created["id"], seconds=30)

    answer = await replayer.run("delete.sh")

    assert (answer.status, answer.json["error"]["code"]) == (409, "campaign_not_deletable")
    assert "ArchiveCampaign" in answer.json["error"]["message"]


async def test_send(replayer: Replayer, reachbell: Client) -> None:
    created = await replayer.create()
    original = await wait_until_ended(reachbell, created["id"], seconds=30)

    answer = await replayer.run("send.sh")

    again = answer.json
    assert answer.status == 201
    assert again["id"] != created["id"]
    assert again == full(
        replayer.sent_by("create.sh") | replayer.sent_by("send.sh"),
        id=again["id"],
        status="sending",
        created=again["createdAt"],
        updated=again["updatedAt"],
        queued=IN_THE_US,
    )
    ended = await wait_until_ended(reachbell, again["id"], seconds=30)
    assert ended["stats"]["sent"] == IN_THE_US
    assert await reachbell.call("GET", f"/campaigns/{created['id']}") == original


async def test_stream(replayer: Replayer) -> None:
    await replayer.create()

    answer = await replayer.run("stream.sh")

    events = [json.loads(line[5:]) for line in answer.text.splitlines() if line.startswith("data:")]
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    last = events[-1]
    assert last == {
        **{"queued": IN_THE_US, "sent": IN_THE_US, "delivered": IN_THE_US, "clicked": 0, "dismissed": 0, "failed": 0},
        "status": "sent",
    }
    running = next(event for event in events if event["status"] == "sending")
    replayer.learn(**{count: running[count] for count in ("queued", "sent", "clicked", "failed")})
    for event in events:
        assert event.keys() == last.keys()
    assert_documented(running, replayer.documented("event.json"))


async def test_export(replayer: Replayer, reachbell: Client, tmp_path: Path) -> None:
    created = await replayer.create()
    ended = await wait_until_ended(reachbell, created["id"], seconds=30)

    answer = await replayer.run("export.sh")

    with (tmp_path / "campaigns.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="campaigns-{replayer.known["project"]}.csv"'
    )
    assert row == {
        **{key: ended[key] for key in ("id", "name", "status", "createdAt", "updatedAt")},
        "sendAt": "",
        **{key: str(ended["stats"][key]) for key in ("queued", "sent", "delivered", "clicked", "dismissed", "failed")},
        "ctr": "0.0000",
        "deliveryRate": "1.0000",
    }


def test_every_example_is_replayed_here() -> None:
    source = Path(__file__).read_text()

    assert [file.name for file in EXAMPLES.iterdir() if f'"{file.name}"' not in source] == []


def test_nothing_of_the_table_is_unused() -> None:
    documented = "".join(file.read_text() for file in EXAMPLES.iterdir())

    assert [words for words in TABLE if words not in documented] == []
