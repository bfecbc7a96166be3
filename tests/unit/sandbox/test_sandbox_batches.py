"""The sandbox's HTTP provider, called by the real sender."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sandbox.batches import SECRET
from services.delivery.domain.accounts import secret_bytes
from services.delivery.domain.message_identity import spell_message_id
from services.delivery.senders.http_batch import HttpBatchSender, HttpEndpoint
from services.delivery.senders.sender import Answer, AnswerKind, Message
from tests.unit.sandbox.outside import Outside

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

HEAD = b'{"campaign":"cmp_one","run":"run_one","content":{"title":"Hello"},"recipients":['


def people(count: int) -> list[Message]:
    return [person(number) for number in range(count)]


def person(number: int) -> Message:
    identity = number.to_bytes(16)
    recipient = {"key": spell_message_id(identity), "to": f"person-{number}", "fields": {"plan": "pro"}}
    return Message(number, identity, None, json.dumps(recipient).encode())


class Caller:
    """One endpoint, called once per `send`."""

    def __init__(self, outside: Outside, *, secret: str = SECRET, path: str = "/batches") -> None:
        self.endpoint = HttpEndpoint(
            url=f"http://{outside.host}{path}",
            key=secret_bytes(secret),
            connections=4,
            response_timeout=5,
            allowed_private_hosts=(outside.host,),
        )

    async def send(self, messages: list[Message], *, recipients_per_call: int = 1_000) -> list[Answer]:
        sender = HttpBatchSender(self.endpoint, head=HEAD, recipients_per_call=recipients_per_call)
        try:
            answers = await sender.send(messages, may_start=lambda: True)
        finally:
            await self.endpoint.close()
        return sorted(answers, key=lambda answer: answer.position)


def kinds(answers: list[Answer]) -> set[tuple[AnswerKind, str]]:
    return {(answer.kind, answer.reason) for answer in answers}


async def test_every_recipient_of_a_call_is_a_line_of_the_ledger(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        answers = await Caller(outside).send(people(3_000))
        lines = await outside.lines("/messages?campaign=cmp_one&channel=http&content=1")

    assert kinds(answers) == {(AnswerKind.ACCEPTED, "")}
    assert [answer.position for answer in answers] == list(range(3_000))
    assert {line["to"] for line in lines} == {f"person-{number}" for number in range(3_000)}
    assert {line["key"] for line in lines} == {spell_message_id(n.to_bytes(16)) for n in range(3_000)}
    assert lines[0]["content"]["fields"] == {"plan": "pro"}
    assert lines[0]["content"]["content"] == {"title": "Hello"}


async def test_a_call_that_is_made_again_messages_nobody_again(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        await outside.call("PUT", "/faults", {"lost_answers": 1})
        lost = await Caller(outside).send(people(10))
        await outside.call("DELETE", "/faults")
        again = await Caller(outside).send(people(12))
        lines = await outside.lines("/messages")

    assert {answer.kind for answer in lost} == {AnswerKind.UNANSWERED}
    assert kinds(again) == {(AnswerKind.ACCEPTED, "")}
    assert sorted(line["to"] for line in lines) == sorted(f"person-{number}" for number in range(12))
    assert not any(line["repeat"] for line in lines)


async def test_a_partial_answer_is_understood_recipient_by_recipient(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        await outside.call("PUT", "/faults", {"recipients_rejected": 0.3, "recipients_deferred": 0.3, "retry_after": 7})
        answers = await Caller(outside).send(people(200))
        lines = await outside.lines("/messages")

    accepted = {answer.position for answer in answers if answer.kind is AnswerKind.ACCEPTED}
    assert kinds(answers) == {
        (AnswerKind.ACCEPTED, ""),
        (AnswerKind.REJECTED, "NO_DEVICE"),
        (AnswerKind.RETRY, "BUSY"),
    }
    assert {answer.retry_after for answer in answers if answer.kind is AnswerKind.RETRY} == {7}
    assert {line["to"] for line in lines} == {f"person-{number}" for number in accepted}


@pytest.mark.parametrize(
    ("faults", "kind", "code", "reason", "wait"),
    [
        ({"throttled": 1, "retry_after": 3}, AnswerKind.RETRY, 429, "HTTP_TOO_MANY_REQUESTS", 3),
        ({"failed": 1, "failed_retry_after": 9}, AnswerKind.RETRY, 503, "HTTP_ENDPOINT_UNAVAILABLE", 9),
        ({"failed": 1, "failed_status": 500}, AnswerKind.RETRY, 500, "HTTP_ENDPOINT_UNAVAILABLE", 0),
        ({"rejected": 1}, AnswerKind.REJECTED, 400, "HTTP_REJECTED_400", 0),
        ({"gone": 1}, AnswerKind.REJECTED, 410, "HTTP_REJECTED_410", 0),
        ({"lost_requests": 1}, AnswerKind.UNANSWERED, 0, "CONNECTION_LOST", 0),
    ],
)
async def test_a_fault_is_every_recipients_answer(
    tmp_path: Path, faults: dict[str, object], kind: AnswerKind, code: int, reason: str, wait: float
) -> None:
    async with Outside(tmp_path) as outside:
        await outside.call("PUT", "/faults", faults)
        answers = await Caller(outside).send(people(5))
        lines = await outside.lines("/messages")

    assert {(a.kind, a.code, a.reason, a.retry_after) for a in answers} == {(kind, code, reason, wait)}
    assert len(answers) == 5
    assert lines == []


async def test_another_secret_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        answers = await Caller(outside, secret="whsec_" + "TWFu" * 8).send(people(2))
        lines = await outside.lines("/messages")

    assert kinds(answers) == {(AnswerKind.RETRY, "HTTP_NOT_AUTHORIZED")}
    assert lines == []


async def test_a_call_without_recipients_tries_the_account(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        good, wrong = Caller(outside), Caller(outside, secret="whsec_" + "TWFu" * 8)

        assert await good.endpoint.problem() == ""
        assert await wrong.endpoint.problem() == "HTTP_NOT_AUTHORIZED"
        assert await Caller(outside, path="/nothing").endpoint.problem() == "HTTP_REJECTED_404"
        assert await outside.lines("/messages") == []
        await good.endpoint.close()
        await wrong.endpoint.close()


async def test_it_takes_a_hundred_thousand_recipients_a_second_and_more(tmp_path: Path) -> None:
    """A tenth of that is asked here, since the machine is shared."""
    messages = people(20_000)
    async with Outside(tmp_path) as outside:
        began = time.perf_counter()
        answers = await Caller(outside).send(messages)
        seconds = time.perf_counter() - began

    assert len(answers) == 20_000
    assert 20_000 / seconds > 10_000
