"""The sandbox's mail server: with the real sender in front, with Python's own client, and by hand for nonsense."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services.delivery.body_encoding import encode_body
from services.delivery.domain.message_identity import spell_message_id
from services.delivery.email_message import EmailHead, EmailSkeleton
from services.delivery.senders.sender import Answer, AnswerKind, Message
from services.delivery.senders.smtp import EmailAddress, Security, SmtpAccount, SmtpSender
from tests.certificates import self_signed
from tests.unit.sandbox.outside import Outside
from tests.unit.services.delivery.senders.notes import Notes

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

SKELETON = EmailSkeleton(
    EmailHead(from_email="news@example.com", campaign="cmp_one", unsubscribe_url="https://x.example/u/")
)


def an_email(number: int = 0, *, body: str = "Hello.\n.\n..dots") -> Message:
    to, key = f"p{number}@example.net", number.to_bytes(16)
    raw = SKELETON.build(
        message_id=key,
        to=to,
        subject="Grüße",
        text=encode_body(body),
        html=encode_body(f"<p>{body}</p>"),
        unsubscribe_token=b"token",
    )
    return Message(number, key, EmailAddress("news@example.com", to), raw)


async def mail(outside: Outside, messages: list[Message], **settings: Any) -> list[Answer]:
    account = SmtpAccount(host="127.0.0.1", port=outside.smtp_port, security=Security.PLAIN)
    sender = SmtpSender(account, allowed_private_hosts=(f"127.0.0.1:{outside.smtp_port}",), **settings)
    try:
        answers = await sender.send(messages, may_start=lambda: True, journal=Notes())
    finally:
        await sender.close()
    return sorted(answers, key=lambda answer: answer.position)


async def with_smtplib(outside: Outside, work: Callable[[smtplib.SMTP], Any]) -> Any:
    def run() -> Any:
        with smtplib.SMTP("127.0.0.1", outside.smtp_port, timeout=10) as client:
            return work(client)

    return await asyncio.to_thread(run)


async def test_what_is_mailed_is_in_the_ledger_as_other_channels_are(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        before = time.time() - 0.001

        answers = await mail(outside, [an_email(number) for number in range(300)])
        lines = await outside.lines("/messages?campaign=cmp_one&channel=email")

    assert {(answer.kind, answer.code) for answer in answers} == {(AnswerKind.ACCEPTED, 250)}
    assert {(line["key"], line["to"]) for line in lines} == {
        (spell_message_id(number.to_bytes(16)), f"p{number}@example.net") for number in range(300)
    }
    assert {(line["channel"], line["campaign"], line["repeat"]) for line in lines} == {("email", "cmp_one", False)}
    assert all(before <= datetime.fromisoformat(line["at"]).timestamp() <= time.time() for line in lines)


async def test_a_second_copy_is_a_second_delivery(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        await mail(outside, [an_email()])
        await mail(outside, [an_email()])

        assert [line["repeat"] for line in await outside.lines("/messages")] == [False, True]
        assert await outside.call("GET", "/messages/count") == (200, {"total": 2, "repeats": 1})


async def test_a_person_can_look_at_an_email(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        await mail(outside, [an_email()])
        async with outside.client.get("/") as answer:
            shown = await answer.text()

    assert "Grüße" in shown
    assert "Hello.\n.\n..dots" in shown
    assert "p0@example.net" in shown


async def test_pythons_own_client_is_served(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        text = "From: a@example.com\r\nSubject: Hi\r\n\r\n.\r\n..\r\n.x\r\n"
        refused = await with_smtplib(
            outside, lambda it: it.sendmail("a@example.com", ["b@x.example", "c@x.example"], text)
        )
        (line,) = await outside.lines("/messages")
        async with outside.client.get("/") as answer:
            shown = await answer.text()

    assert refused == {}
    assert (line["to"], line["key"], line["campaign"]) == ("b@x.example, c@x.example", "", "")
    assert "<p>.\n..\n.x\n</p>" in shown.replace("\r", "")


@pytest.mark.parametrize(
    ("faults", "kind", "code", "kept"),
    [
        ({"rejected": 1}, AnswerKind.REJECTED, 554, 0),
        ({"gone": 1}, AnswerKind.RETIRED, 550, 0),
        ({"throttled": 1}, AnswerKind.RETRY, 450, 0),
        ({"failed": 1}, AnswerKind.RETRY, 0, 0),
        ({"lost_requests": 1}, AnswerKind.UNANSWERED, 0, 0),
        ({"lost_answers": 1}, AnswerKind.UNANSWERED, 0, 1),
        ({"delay_ms": 20}, AnswerKind.ACCEPTED, 250, 1),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_faults_happen_to_emails_too(
    tmp_path: Path, faults: dict[str, float], kind: AnswerKind, code: int, kept: int
) -> None:
    async with Outside(tmp_path) as outside:
        await outside.call("PUT", "/faults", faults)

        (answer,) = await mail(outside, [an_email()])

        assert (answer.kind, answer.code) == (kind, code)
        assert len(await outside.lines("/messages")) == kept


async def test_a_mailbox_that_is_gone_stays_gone(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        await outside.call("PUT", "/faults", {"gone": 1})
        await mail(outside, [an_email()])
        await outside.call("DELETE", "/faults")

        (gone, other) = await mail(outside, [an_email(0), an_email(1)])

        assert (gone.kind, other.kind) == (AnswerKind.RETIRED, AnswerKind.ACCEPTED)


async def test_beyond_a_rate_emails_are_put_off(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        await outside.call("PUT", "/faults", {"requests_per_second": 5})

        answers = await mail(outside, [an_email(number) for number in range(40)])
        kept = len(await outside.lines("/messages"))

        kinds = [answer.kind for answer in answers]
        assert kinds.count(AnswerKind.ACCEPTED) == kept <= 15
        assert kinds.count(AnswerKind.RETRY) == 40 - kept


async def test_tls_and_a_login_are_asked_for_where_they_are_set(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    settings = {"smtp_login": "somebody:a secret", "smtp_certificate": str(certificate)}
    async with Outside(tmp_path / "data", **settings) as outside:

        def work(client: smtplib.SMTP) -> int:
            client.ehlo()
            assert not client.has_extn("auth")
            with pytest.raises(smtplib.SMTPSenderRefused):
                client.sendmail("a@example.com", ["b@x.example"], "Subject: x\r\n\r\n")
            client.starttls(context=ssl._create_unverified_context())
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("somebody", "wrong")
            client.login("somebody", "a secret")
            client.sendmail("a@example.com", ["b@x.example"], "Subject: x\r\n\r\n")
            return client.noop()[0]

        assert await with_smtplib(outside, work) == 250
        assert len(await outside.lines("/messages")) == 1


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        (b"RCPT TO:<a@b.example>\r\nDATA\r\n", [503, 503]),
        (b"MAIL FROM:a@b.example\r\nMAIL\r\nBDAT 3\r\n", [501, 501, 500]),
        (
            b"MAIL FROM:<a@b.example>\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<>\r\nRSET\r\nNOOP\r\n",
            [250, 503, 501, 250, 250],
        ),
        (b"MAIL FROM:<a@b.example> SIZE=99999999\r\nSTARTTLS\r\nAUTH PLAIN AAAA\r\n", [552, 502, 503]),
        (b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n.\r\nQUIT\r\n", [250, 250, 354, 250, 221]),
    ],
)
async def test_each_command_gets_its_reply_in_order_however_it_is_cut(
    tmp_path: Path, said: bytes, codes: list[int]
) -> None:
    async with Outside(tmp_path) as outside:
        for step in (1, 7, len(said)):
            reader, writer = await asyncio.open_connection("127.0.0.1", outside.smtp_port)
            await reader.readline()
            for at in range(0, len(said), step):
                writer.write(said[at : at + step])
                await asyncio.sleep(0)
            replies = [int((await reader.readline())[:3]) for _ in codes]
            writer.close()

            assert replies == codes


async def test_an_endless_command_or_message_is_cut_off(tmp_path: Path) -> None:
    async with Outside(tmp_path) as outside:
        reader, writer = await asyncio.open_connection("127.0.0.1", outside.smtp_port)
        writer.write(b"N" * 10_000)

        said = await reader.read()
        writer.close()

        assert b"\r\n500 " in said
