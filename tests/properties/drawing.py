"""Owns the dice: which call a client makes next, of which campaign, with what. The same seed draws the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.properties.asking import Call
from tools.client import Json

# Operation → how often it is drawn.
WEIGHTS = {
    "create": 16,
    "get": 20,
    "patch": 22,
    "delete": 8,
    "send": 8,
    "list": 10,
    "export": 2,
    "cancel": 5,
    "pause": 3,
    "resume": 3,
}
MOST = 12  # campaigns in the game; older ones rest
NOBODY = "cmp_00000000000000000000"
NAMES = ("Spring sale", "spring SALE 100%", "Größe_2", "Launch")
QUERIES = ("SALE", "%", "_", "GRÖ", "nothing has this")
CONTENTS: Sequence[Json] = (
    {"title": "Hello"},
    {"title": "Hello", "body": "World", "clickUrl": "https://example.com/?a=1#top"},
    {"body": "no title"},
    {"title": "Act", "actions": [{"action": "shop", "title": "Shop now", "url": "https://example.com/shop"}]},
)
CHANGES: Sequence[Json | None] = (
    {"title": "Changed"},
    {"body": "changed"},
    {"body": None},
    {"title": None},
    {"actions": [{"action": "go", "title": "Go"}]},
    {"iconUrl": "https://example.com/icon.png"},
    None,
)
FILTERS: Sequence[Json] = (
    {},
    {"country": ["US"]},
    {"country": ["US", "CA"]},
    {"tags": ["vip"], "country": ["CA"]},
    {"tags": ["newsletter"], "plan": ["pro"]},
    {"plan": ["pro"]},
    {"country": ["ZZ"]},
)
UNKNOWN: Json = {"contry": ["US"]}
UTMS: Sequence[Json | None] = ({"source": "reachbell"}, {"medium": "push"}, {"source": "x", "term": "y"})
LATER = "2096-06-15T14:00:00.000Z"
SCHEDULED: Json = {"mode": "scheduled", "sendAt": LATER, "timezone": "Europe/Paris"}


class Dice:
    """Draws calls for one project. It is told of campaigns as they are made."""

    def __init__(self, seed: str, *, project: str, saved_segment: str) -> None:
        self._random = random.Random(seed)
        self._project = project
        self._saved: Json = {"savedSegmentId": saved_segment}
        self._seed = seed
        self._campaigns: list[str] = []
        self._keyed: list[Call] = []  # calls with a key, to be repeated
        self._draw: dict[str, Callable[[str], Call]] = {
            "create": lambda _: self._create(),
            "list": lambda _: self._list(),
            "export": lambda _: Call("export", "GET", f"/campaigns/export/project/{project}.csv"),
            "patch": self._patch,
            "send": self._send,
            "get": lambda id: Call("get", "GET", f"/campaigns/{id}", campaign=id),
            "delete": lambda id: Call("delete", "DELETE", f"/campaigns/{id}", campaign=id),
            "cancel": lambda id: self.command("cancel", id),
            "pause": lambda id: self.command("pause", id),
            "resume": lambda id: self.command("resume", id),
        }

    def made(self, campaign: str) -> None:
        """There is one more to play with."""
        if campaign not in self._campaigns:
            self._campaigns.append(campaign)

    def pair(self) -> tuple[Call, Call]:
        """Two calls to be made at once, more often than not of the same campaign."""
        campaign = self._some_campaign()
        other = campaign if self._random.random() < 0.7 else self._some_campaign()
        return self._call(campaign), self._call(other)

    def _call(self, campaign: str) -> Call:
        if self._keyed and self._random.random() < 0.06:
            return self._random.choice(self._keyed[-4:])
        operation = self._random.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
        call = self._draw[operation](campaign)
        if call.key:
            self._keyed.append(call)
        return call

    def _some_campaign(self) -> str:
        if not self._campaigns or self._random.random() < 0.03:
            return NOBODY
        return self._random.choice(self._campaigns[-MOST:])

    def _create(self) -> Call:
        body: Json = {"name": self._random.choice(NAMES), "projectId": self._project}
        if self._random.random() < 0.85:
            body["content"] = self._random.choice(CONTENTS)
        if self._random.random() < 0.85:
            body["segment"] = self._segment()
        if self._random.random() < 0.5:
            body["utm"] = self._random.choice(UTMS)
        if schedule := self._schedule():
            body["schedule"] = schedule
        return Call("create", "POST", "/campaigns", body=body, key=self._key())

    def _patch(self, campaign: str) -> Call:
        body: Json = {}
        while not body:
            if self._random.random() < 0.3:
                body["name"] = self._random.choice(NAMES)
            if self._random.random() < 0.5:
                body["content"] = self._random.choice(CHANGES)
            if self._random.random() < 0.3:
                body["utm"] = self._random.choice([*UTMS, {"term": None}, None])
            if self._random.random() < 0.3:
                body["segment"] = self._random.choice([self._segment(), None])
            if self._random.random() < 0.3 and (schedule := self._schedule()):
                body["schedule"] = schedule
        return Call("patch", "PATCH", f"/campaigns/{campaign}", campaign=campaign, body=body)

    def _send(self, campaign: str) -> Call:
        body = self._random.choice([None, {}, {"segment": self._segment()}])
        return Call("send", "POST", f"/campaigns/{campaign}/send", campaign=campaign, body=body, key=self._key())

    def _list(self) -> Call:
        path = f"/campaigns/project/{self._project}"
        if self._random.random() < 0.4:
            status = self._random.choice(("draft", "scheduled", "sending", "paused", "sent", "cancelled"))
            return Call("list", "GET", path, query={"status": status, "pageSize": "100"})
        query = {}
        if self._random.random() < 0.4:
            query["q"] = self._random.choice(QUERIES)
        if self._random.random() < 0.5:
            query["pageSize"] = str(self._random.choice((1, 3, 7)))
        if self._random.random() < 0.3:
            query["page"] = str(self._random.choice((1, 2, 3)))
        return Call("list", "GET", path, query=query)

    def command(self, word: str, campaign: str) -> Call:
        """What only another door does."""
        path = f"/v1/projects/{self._project}/campaigns/{campaign}:{word}"
        return Call(word, "POST", path, campaign=campaign, body={}, native=True)

    def _segment(self) -> Json:
        dice = self._random.random()
        if dice < 0.1:
            return self._saved
        return {"filters": UNKNOWN if dice < 0.15 else self._random.choice(FILTERS)}

    def _schedule(self) -> Json | None:
        return self._random.choices(
            [None, {"mode": "draft"}, {"mode": "draft", "timezone": "Asia/Tokyo"}, {"mode": "immediate"}, SCHEDULED],
            [30, 10, 10, 25, 25],
        )[0]

    def _key(self) -> str:
        """Now and then a key; a few for each project, so that some come again with something else."""
        return f"{self._seed}/{self._random.randrange(12)}" if self._random.random() < 0.3 else ""
