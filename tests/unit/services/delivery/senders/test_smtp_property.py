"""Whatever a server says, however its words are cut, and whenever it drops: one answer each, and nothing twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.delivery.senders.sender import Answer, AnswerKind
from tests.unit.services.delivery.senders.mail_server import (
    DROP,
    KEEP_AND_DROP,
    MailServer,
    a_sender,
    an_account,
    emails,
)
from tests.unit.services.delivery.senders.notes import Notes

MESSAGES = 12
COMMON = ["250 ok", "250-ok\r\n250 ok", "451 4.3.0 later", "550 5.1.1 no", "554 no", "421 bye", DROP, "nonsense"]
SCRIPTS = st.fixed_dictionaries(
    {
        "MAIL": st.lists(st.sampled_from(COMMON), max_size=6),
        "RCPT": st.lists(st.sampled_from(COMMON), max_size=6),
        "DATA": st.lists(
            st.sampled_from(["354 go", "354-go\r\n354 on", "451 x", "554 x", "250 x", "421 x", DROP]), max_size=6
        ),
        "BODY": st.lists(st.sampled_from([*COMMON, "354 x", KEEP_AND_DROP]), max_size=6),
        "RSET": st.lists(st.sampled_from(["250 ok", "500 what", DROP]), max_size=2),
    }
)
SPLITS = st.lists(st.integers(1, 12), min_size=1, max_size=5)


@dataclass(frozen=True)
class Cutting:
    """Cuts every answer into pieces of these sizes."""

    sizes: list[int]

    def __call__(self, data: bytes) -> Iterator[bytes]:
        at = turn = 0
        while at < len(data):
            size = self.sizes[turn % len(self.sizes)]
            yield data[at : at + size]
            at, turn = at + size, turn + 1


@pytest.mark.timeout(120)
@given(
    replies=SCRIPTS,
    sizes=SPLITS,
    pipelining=st.booleans(),
    connections=st.integers(1, 3),
    drops_after=st.just(-1) | st.integers(0, 900),
    starts=st.just(1_000) | st.integers(0, 30),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_message_gets_one_answer_that_is_true(
    replies: dict[str, list[str]], sizes: list[int], pipelining: bool, connections: int, drops_after: int, starts: int
) -> None:
    server = MailServer(
        replies=replies,
        split=Cutting(sizes),
        announces=("PIPELINING",) if pipelining else (),
        drops_after=drops_after,
    )
    notes = Notes()

    answers = uvloop.run(_send(server, notes, connections=connections, starts=starts))

    assert sorted(answer.position for answer in answers) == list(range(MESSAGES))
    delivered = Counter(int(kept.recipients[0].split("@")[0][1:]) for kept in server.kept)
    attempted = Counter(at for what, at in notes.entries if what == "attempting")
    for answer in answers:
        _check(answer, delivered[answer.position], attempted[answer.position], notes)
    assert server.violations == []
    assert sum(answer.kind is AnswerKind.UNANSWERED for answer in answers) <= server.connections


async def _send(server: MailServer, notes: Notes, *, connections: int, starts: int) -> list[Answer]:
    left = starts

    def may_start() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    async with server:
        account = an_account(server, connections=connections)
        sender = a_sender(server, account=account, reply_timeout=5.0, body_timeout=5.0)
        async with asyncio.timeout(20):
            answers = await sender.send(emails(MESSAGES), may_start=may_start, journal=notes)
        await sender.close()
    return answers


def _check(answer: Answer, delivered: int, attempted: int, notes: Notes) -> None:
    at = answer.position
    order = [what for what, position in notes.entries if position == at]
    assert delivered <= 1
    assert attempted <= 1
    match answer.kind:
        case AnswerKind.ACCEPTED:
            assert delivered == 1
            assert order == ["attempting", "answered"]
        case AnswerKind.UNANSWERED:
            assert order == ["attempting"]
        case AnswerKind.NOT_STARTED:
            assert (delivered, order) == (0, [])
        case _:
            assert delivered == 0
            assert order in ([], ["attempting", "answered"])
    if order[1:]:
        assert notes.kinds[at] is answer.kind
