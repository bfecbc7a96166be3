"""The oracle itself: what it explains, and what it must not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.properties.asking import Answer, Call
from tests.properties.oracle import Oracle, Said, World
from tests.properties.people import count
from tests.properties.shown import Unexplained
from tools.client import Json

PROJECT = "proj_1"
ID = "cmp_1"
REFUSED: Json = {"error": {"code": "x", "message": "", "field": None, "requestId": ""}}
EVERYBODY: Json = {"filters": {}}

oracle = Oracle()


def _shown(id: str = ID, *, status: str = "draft", queued: int = 0, sent: int = 0, **parts: Any) -> Answer:
    stats = {"queued": queued, "sent": sent, "delivered": sent, "clicked": 0, "dismissed": 0, "failed": 0, "ctr": 0}
    rate = {"deliveryRate": round(sent / queued, 4) if queued else 0}
    shown = {"id": id, "name": "Launch", "projectId": PROJECT, "status": status, "schedule": {"mode": "draft"}}
    times = {"createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z"}
    return Answer(200, {**shown, "stats": stats | rate, **times, **parts})


def _made(**parts: Any) -> World:
    """A world with one campaign in it."""
    body = {"name": "Launch", "projectId": PROJECT, **parts}
    call = Call("create", "POST", "/campaigns", body=body)
    is_sent = parts.get("schedule") == {"mode": "immediate"}
    shown = _shown(status="sending", queued=4, **parts) if is_sent else _shown(**parts)
    return oracle.explain(World(PROJECT), call, Answer(201, shown.body))


def _sending() -> World:
    return _made(content={"title": "Hello"}, segment=EVERYBODY, schedule={"mode": "immediate"})


def _said(operation: str, answer: Answer, **asked: Any) -> Said:
    return Call(operation, "POST", f"/campaigns/{ID}", campaign=ID, **asked), answer


def _explained(world: World, *said: Said) -> Sequence[World]:
    return oracle.explain_at_once([world], said)


def test_two_calls_at_once_may_have_come_in_either_order() -> None:
    gone = _said("get", Answer(404, REFUSED)), _said("delete", Answer(204, None))
    seen = _said("get", _shown()), _said("delete", Answer(204, None))

    assert [world.campaigns for world in _explained(_made(), *gone)] == [{}]
    assert [world.campaigns for world in _explained(_made(), *seen)] == [{}]


def test_what_is_deleted_cannot_be_deleted_twice() -> None:
    with pytest.raises(Unexplained):
        _explained(_made(), _said("delete", Answer(204, None)), _said("delete", Answer(204, None)))


def test_a_lost_update_is_not_explained() -> None:
    one = _said("patch", _shown(name="One"), body={"name": "One"})
    two = _said("patch", _shown(utm={"source": "x"}), body={"utm": {"source": "x"}})

    with pytest.raises(Unexplained, match="name is 'Launch', not 'One'"):
        _explained(_made(), one, two)


def test_a_new_title_keeps_the_body_and_null_removes() -> None:
    world = _made(content={"title": "Hello", "body": "World", "actions": []})

    (patched,) = _explained(
        world,
        _said(
            "patch", _shown(content={"title": "New", "actions": []}), body={"content": {"title": "New", "body": None}}
        ),
    )

    assert patched.campaigns[ID].definition["content"] == {"title": "New", "actions": []}


def test_what_is_being_sent_may_have_ended_unsaid_but_never_goes_back() -> None:
    (ended,) = _explained(_sending(), _said("get", _ended()))

    with pytest.raises(Unexplained):
        _explained(ended, _said("get", _ended(status="sending")))


def test_at_rest_everything_queued_is_sent_or_failed() -> None:
    with pytest.raises(Unexplained, match="at rest"):
        _explained(_sending(), _said("get", _ended(sent=3)))


def test_numbers_never_go_back() -> None:
    (seen,) = _explained(_sending(), _said("get", _ended(status="sending", sent=3)))

    with pytest.raises(Unexplained, match="3 sent before"):
        _explained(seen, _said("get", _ended(status="sending", sent=2)))


def test_the_same_key_is_answered_the_same_and_makes_nothing_new() -> None:
    call = Call("create", "POST", "/campaigns", body={"name": "Launch", "projectId": PROJECT}, key="k")
    first, second = Answer(201, _shown("cmp_1").body), Answer(201, _shown("cmp_2").body)

    (world,) = oracle.explain_at_once([World(PROJECT)], [(call, first), (call, first)])
    assert [*world.campaigns] == ["cmp_1"]
    with pytest.raises(Unexplained):
        oracle.explain_at_once([World(PROJECT)], [(call, first), (call, second)])


def test_a_key_is_answered_the_same_after_what_it_sent_was_deleted() -> None:
    parts: Json = {"content": {"title": "Hello"}, "segment": EVERYBODY}
    sent = _said("send", _shown(status="sending", queued=4, **parts, schedule={"mode": "immediate"}), key="k")
    (started,) = _explained(_made(**parts), sent)
    gone = started.without(ID)

    assert _explained(gone, sent) == [gone]
    with pytest.raises(Unexplained):
        _explained(gone, _said("send", Answer(404, REFUSED), key="k"))


def test_two_commands_at_once_may_both_have_come_too_late() -> None:
    too_late = _said("cancel", Answer(200, {"state": "STATE_COMPLETED"}))

    (ended,) = _explained(_sending(), too_late, too_late)

    assert ended.campaigns[ID].state == "sent"
    with pytest.raises(Unexplained, match="409"):
        _explained(ended, too_late, too_late)


def test_no_5xx_is_ever_explained() -> None:
    with pytest.raises(Unexplained, match="503"):
        _explained(_made(), _said("get", Answer(503, REFUSED)))


def test_several_values_mean_any_of_them_and_several_keys_all_of_them() -> None:
    assert count({"filters": {"country": ["US", "CA"]}}) == 2
    assert count({"filters": {"tags": ["newsletter"], "plan": ["pro"]}}) == 2
    assert count(EVERYBODY) == 4
    assert count({"savedSegmentId": "seg_1"}) == 1


def _ended(*, status: str = "sent", sent: int = 4) -> Answer:
    return _shown(status=status, queued=4, sent=sent, content={"title": "Hello"}, segment=EVERYBODY)
