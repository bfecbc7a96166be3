"""Owns what an answer must be: a world of campaigns, and whether it explains an answer.

Pure. A call is explained by the world before it, and leaves the world after it. Two calls at once are explained if one
of the two orders explains both answers. A campaign that is being sent may have ended at any moment: the world takes
that to have happened only when an answer says so.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tests.properties.asking import Answer, Call
from tests.properties.people import count
from tests.properties.rules import (
    COMMANDS,
    ENDS_BY_ITSELF,
    REACHBELL,
    Rules,
    can_launch,
    mode_of,
    patched,
)
from tests.properties.shown import Unexplained, check_error, check_row, check_shown, equal
from tools.client import Json

NATIVE = {
    "sending": "STATE_ACTIVE",
    "paused": "STATE_PAUSED",
    "sent": "STATE_COMPLETED",
    "cancelled": "STATE_CANCELLED",
}


Said = tuple[Call, Answer]


@dataclass(frozen=True)
class Kept:
    """A campaign as the world knows it. `launched` is its queued number when it was, None before."""

    id: str
    definition: Json
    state: str
    created_at: str
    launched: int | None = None
    sent: int = 0  # at least so many

    def might_be(self) -> Sequence[str]:
        """What may have become of it since, unsaid."""
        return (self.state, "sent") if self.state in ENDS_BY_ITSELF else (self.state,)


@dataclass(frozen=True)
class World:
    """What is true at an instant: the campaigns that are not deleted, and the keys that were used."""

    project: str
    campaigns: Mapping[str, Kept] = field(default_factory=dict)
    keys: Mapping[str, tuple[Call, Answer]] = field(default_factory=dict)

    def having(self, kept: Kept) -> World:
        return replace(self, campaigns={**self.campaigns, kept.id: kept})

    def without(self, campaign: str) -> World:
        return replace(self, campaigns={key: kept for key, kept in self.campaigns.items() if key != campaign})


class Oracle:
    """Explains answers by the rules."""

    def __init__(self, rules: Rules = REACHBELL) -> None:
        self._rules = rules
        self._explain: Mapping[str, Callable[[World, Call, Answer], World]] = {
            "create": self._create,
            "list": self._list,
            "export": self._export,
            "get": lambda *said: self._of_one(self._get, *said),
            "patch": lambda *said: self._of_one(self._patch, *said),
            "delete": lambda *said: self._of_one(self._delete, *said),
            "send": self._send,
            **{word: lambda *said: self._of_one(self._command, *said) for word in COMMANDS},
        }

    def explain(self, world: World, call: Call, answer: Answer) -> World:
        """The world after the answer. Raises Unexplained."""
        if answer.status >= 400:
            check_error(answer, native=call.native)
        return self._explain[call.operation](world, call, answer)

    def explain_at_once(self, worlds: Sequence[World], said: Sequence[Said]) -> Sequence[World]:
        """The worlds that may be after these calls in some order. Raises Unexplained where there is none."""
        after: list[World] = []
        reasons = []
        orders = [*itertools.permutations(said), *([other] for one, other in _overtaken(said))]
        for world, order in itertools.product(worlds, orders):
            try:
                for call, answer in order:
                    world = self.explain(world, call, answer)
            except Unexplained as unexplained:
                reasons.append(f"{call.method} {call.path}: {unexplained}")
            else:
                if world not in after:
                    after.append(world)
        if not after:
            raise Unexplained("\n".join(dict.fromkeys(reasons)))
        return after

    # Questions

    def _get(self, world: World, kept: Kept, call: Call, answer: Answer) -> World:
        equal("status", answer.status, 200)
        return self._see(world, kept, answer.object)

    def _see(self, world: World, kept: Kept, shown: Json) -> World:
        check_shown(kept, shown, project=world.project, rules=self._rules)
        return world.having(replace(kept, sent=shown["stats"]["sent"]))

    def _see_row(self, world: World, kept: Kept, row: Mapping[str, str]) -> World:
        check_row(kept, row, rules=self._rules)
        return world.having(replace(kept, sent=int(row["sent"])))

    def _list(self, world: World, call: Call, answer: Answer) -> World:
        equal("status", answer.status, 200)
        page, size = int(call.query.get("page", 1)), int(call.query.get("pageSize", 20))
        items = answer.object["items"]
        wanted, query = call.query.get("status", ""), call.query.get("q", "").casefold()
        named = [kept for kept in world.campaigns.values() if query in kept.definition["name"].casefold()]
        if wanted:  # such calls ask for all on one page
            world, named = self._settle(world, named, wanted, {item["id"] for item in items})
        ids = sorted((kept.id for kept in named), reverse=True)
        equal("ids", [item["id"] for item in items], ids[(page - 1) * size : page * size])
        equal(
            "page, pageSize, total",
            [answer.object[key] for key in ("page", "pageSize", "total")],
            [page, size, len(ids)],
        )
        return self._each(self._see, world, items)

    def _each(
        self, see: Callable[[World, Kept, Any], World], world: World, items: Sequence[Mapping[str, Any]]
    ) -> World:
        """Those that are there; each may have ended since."""
        for item in items:
            kept = world.campaigns[item["id"]]
            world = _first(partial(_in_state, see, world, kept, item), kept.might_be())
        return world

    def _settle(self, world: World, named: Sequence[Kept], wanted: str, listed: set[str]) -> tuple[World, list[Kept]]:
        """Those with the status; what is listed, or is not, tells what has ended since."""
        chosen = []
        for kept in named:
            states = [state for state in kept.might_be() if (state == wanted) == (kept.id in listed)]
            if not states:
                raise Unexplained(
                    f"{kept.id}, {kept.state}, is {'' if kept.id in listed else 'not '}listed as {wanted}"
                )
            world = world.having(replace(kept, state=states[0]))
            if kept.id in listed:
                chosen.append(kept)
        return world, chosen

    def _export(self, world: World, call: Call, answer: Answer) -> World:
        equal("status", answer.status, 200)
        rows = [*csv.DictReader(io.StringIO(str(answer.body)))]
        equal("ids", [row["id"] for row in rows], sorted(world.campaigns, reverse=True))
        return self._each(self._see_row, world, rows)

    # Commands

    def _create(self, world: World, call: Call, answer: Answer) -> World:
        if call.key in world.keys:
            return self._repeat(world, call, answer)
        definition = patched({}, call.body or {}, rules=self._rules)
        launches = mode_of(definition) != "draft"
        if launches and not can_launch(definition):
            equal("status", answer.status, 400)
            return world
        equal("status", answer.status, 201)
        return self._remember(self._made(world, definition, answer), call, answer)

    def _made(self, world: World, definition: Json, answer: Answer) -> World:
        """A campaign that was not there before."""
        shown = answer.object
        if shown.get("id") in world.campaigns:
            raise Unexplained("a new campaign has an old id")
        kept = Kept(id=shown["id"], definition=definition, state="draft", created_at=shown["createdAt"])
        return self._set_going(world, kept, shown)

    def _set_going(self, world: World, kept: Kept, shown: Json) -> World:
        """Launched, scheduled, or still a draft, as its schedule says."""
        state = {"draft": "draft", "scheduled": "scheduled", "immediate": "sending"}[mode_of(kept.definition)]
        launched = count(kept.definition["segment"]) if state == "sending" else None
        return self._see(world, replace(kept, state=state, launched=launched), shown)

    def _patch(self, world: World, kept: Kept, call: Call, answer: Answer) -> World:
        if kept.state not in self._rules.editable:
            equal("status", answer.status, 409)
            return world
        definition = patched(kept.definition, call.body or {}, rules=self._rules)
        if mode_of(definition) != "draft" and not can_launch(definition):
            equal("status", answer.status, 400)
            return world
        equal("status", answer.status, 200)
        return self._set_going(world, replace(kept, definition=definition), answer.object)

    def _delete(self, world: World, kept: Kept, call: Call, answer: Answer) -> World:
        if kept.state not in self._rules.deletable:
            equal("status", answer.status, 409)
            return world.having(kept)
        equal("status and body", (answer.status, answer.body), (204, None))
        return world.without(kept.id)

    def _send(self, world: World, call: Call, answer: Answer) -> World:
        if call.key in world.keys:
            return self._repeat(world, call, answer)
        return self._of_one(self._send_anew, world, call, answer)

    def _send_anew(self, world: World, kept: Kept, call: Call, answer: Answer) -> World:
        rules = self._rules
        if kept.state not in rules.startable | rules.repeatable:
            equal("status", answer.status, 409)
            return world.having(kept)
        definition = {**kept.definition, **{key: item for key, item in (call.body or {}).items() if key == "segment"}}
        if not can_launch(definition):
            equal("status", answer.status, 400)
            return world.having(kept)
        definition["schedule"] = {"mode": "immediate"}
        if kept.state in rules.startable:
            equal("status", answer.status, 200)
            world = self._set_going(world, replace(kept, definition=definition), answer.object)
        else:
            equal("status", answer.status, 201)
            world = self._made(world.having(kept), definition, answer)
        return self._remember(world, call, answer)

    def _command(self, world: World, kept: Kept, call: Call, answer: Answer) -> World:
        after = COMMANDS[call.operation].get(kept.state)
        if after is None:
            equal("status", answer.status, 409)
            return world.having(kept)
        equal("status", answer.status, 200)
        # The end of what is being sent may be quicker than the command.
        states = {NATIVE[state]: state for state in (after, *kept.might_be()[1:])}
        if answer.object["state"] not in states:
            raise Unexplained(f"state {answer.object['state']} is none of {list(states)}")
        return world.having(replace(kept, state=states[answer.object["state"]]))

    # Keys

    def _repeat(self, world: World, call: Call, answer: Answer) -> World:
        """The same key: the same answer to the same call, a conflict to any other, whatever was deleted since."""
        first, told = world.keys[call.key]
        if replace(first, body=first.body or {}) == replace(call, body=call.body or {}):  # no body says the same as {}
            equal("answer", answer, told)
        else:
            equal("status", answer.status, 409)
        return world

    def _remember(self, world: World, call: Call, answer: Answer) -> World:
        return replace(world, keys={**world.keys, call.key: (call, answer)}) if call.key else world

    def _of_one(
        self, rule: Callable[[World, Kept, Call, Answer], World], world: World, call: Call, answer: Answer
    ) -> World:
        """The rule for the campaign in the path, if there is one, in any of the states that it might be in."""
        if (kept := world.campaigns.get(call.campaign)) is None:
            equal("status", answer.status, 404)
            return world
        return _first(lambda state: rule(world, replace(kept, state=state), call, answer), kept.might_be())


def _overtaken(said: Sequence[Said]) -> list[tuple[Said, Said]]:
    """(a call that another at the same moment made void, the other), if this is what was said."""
    return [
        (one, other)
        for one, other in itertools.permutations(said, 2)
        if one[0].campaign == other[0].campaign and (_is_void(one, other) or _is_superseded(one, other))
    ]


def _is_void(one: Said, other: Said) -> bool:
    """Who starts a draft that is cancelled meanwhile did not ask for a cancelled campaign to be sent again."""
    return (one[0].operation, one[1].status, other[0].operation, other[1].status) == ("send", 409, "cancel", 200)


def _is_superseded(one: Said, other: Said) -> bool:
    """Of two commands with different aims the later one stands; the earlier is answered with what has become of it.

    So are both, whatever their aims, where the end of the campaign was quicker than either.
    """
    operations = {one[0].operation, other[0].operation}
    if not operations <= COMMANDS.keys() or one[1].status != 200 or other[1].status != 200:
        return False
    return len(operations) == 2 or one[1].object["state"] == other[1].object["state"] == NATIVE["sent"]


def _in_state(see: Callable[[World, Kept, Any], World], world: World, kept: Kept, item: Any, state: str) -> World:
    return see(world, replace(kept, state=state), item)


def _first(explain: Callable[[str], World], states: Sequence[str]) -> World:
    """What the first of the states explains; later ones are assumed only where they must be."""
    reasons = []
    for state in states:
        try:
            return explain(state)
        except Unexplained as unexplained:
            reasons.append(f"if it is {state}: {unexplained}")
    raise Unexplained("; ".join(reasons))
