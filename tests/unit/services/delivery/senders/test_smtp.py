"""Email by SMTP: what every way of a server's answering, and of its not answering, does to each message."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from services.delivery.senders.sender import Answer, AnswerKind, Message
from services.delivery.senders.smtp import EmailAddress, Security, SmtpAccount, SmtpSender
from tests.unit.services.delivery.senders.mail_server import (
    DROP,
    KEEP_AND_DROP,
    SILENCE,
    MailServer,
    a_sender,
    always,
    an_account,
    an_email,
    emails,
)
from tests.unit.services.delivery.senders.notes import Notes

pytestmark = pytest.mark.timeout(30)

WITHOUT_PIPELINING = ("8BITMIME", "SIZE 1000000")
WITH_PIPELINING = ("PIPELINING", "8BITMIME", "SIZE 1000000")
BOTH_WAYS = pytest.mark.parametrize("announces", [WITH_PIPELINING, WITHOUT_PIPELINING], ids=["pipelined", "one by one"])
QUICK: dict[str, Any] = {"reply_timeout": 0.3, "body_timeout": 0.3, "connect_timeout": 2.0}


async def send(server: MailServer, messages: list[Message], *, notes: Notes | None = None) -> list[Answer]:
    sender = a_sender(server, account=an_account(server, connections=1), **QUICK)
    answers = await sender.send(messages, may_start=always, journal=notes or Notes())
    await sender.close()
    assert server.violations == []
    assert sorted(answer.position for answer in answers) == sorted(message.position for message in messages)
    return sorted(answers, key=lambda answer: answer.position)


# The way of a message.


@BOTH_WAYS
async def test_messages_are_handed_over_whole_and_noted_before_and_after(announces: tuple[str, ...]) -> None:
    notes = Notes()
    async with MailServer(announces=announces) as server:
        answers = await send(server, emails(5), notes=notes)

    assert {(answer.kind, answer.code, answer.reason) for answer in answers} == {(AnswerKind.ACCEPTED, 250, "")}
    assert [kept.recipients for kept in server.kept] == [(f"p{position}@example.net",) for position in range(5)]
    assert {(kept.mail_from, kept.body) for kept in server.kept} == {
        ("news@example.com", b"Subject: Hello\r\n\r\nHello.\r\n")
    }
    assert notes.entries == [(what, at) for at in range(5) for what in ("attempting", "answered")]
    assert server.commands[-1] == "QUIT"
    assert server.connections == 1


async def test_with_pipelining_a_message_costs_one_round_trip() -> None:
    async with MailServer() as server:
        await send(server, emails(10))

    first, *others = [group for group in server.groups if "DATA" in group]
    assert first == ["MAIL", "RCPT", "DATA"]
    assert all(group[-4:] == [".", "MAIL", "RCPT", "DATA"] for group in others)
    assert len(others) == 9


async def test_a_body_waits_for_the_reply_to_the_one_before() -> None:
    """One body outstanding per connection: a death leaves at most one in doubt."""
    outstanding, most = 0, 0

    class Counting(Notes):
        def attempting(self, position: int) -> None:
            nonlocal outstanding, most
            outstanding += 1
            most = max(most, outstanding)

        def answered(self, position: int, kind: AnswerKind, code: int) -> None:
            nonlocal outstanding
            outstanding -= 1

    async with MailServer() as server:
        sender = a_sender(server, account=an_account(server, connections=3))
        await sender.send(emails(100), may_start=always, journal=Counting())
        await sender.close()

    assert (most, outstanding) == (3, 0)


@pytest.mark.parametrize(
    "body",
    [
        b".\r\n",
        b"..\r\n.\r\n.x\r\nQUIT\r\n",
        b"a\n.\nb\r.\rc\r\n",
        b"a\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<x@example.com>\r\nDATA\r\n",
        b"no line's end",
        b"",
        "Grüße\r\n".encode(),
    ],
)
@BOTH_WAYS
async def test_no_body_can_end_itself(body: bytes, announces: tuple[str, ...]) -> None:
    async with MailServer(announces=announces) as server:
        (one, two) = await send(server, [an_email(0, body=body), an_email(1)])

    assert (one.kind, two.kind) == (AnswerKind.ACCEPTED, AnswerKind.ACCEPTED)
    lines = body.splitlines() or [b""]
    assert [kept.body for kept in server.kept] == [b"\r\n".join(lines) + b"\r\n", b"Subject: Hello\r\n\r\nHello.\r\n"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "<>",
        "nobody",
        "a@x.example,b@y.example",
        "a@x.example> SIZE=1\r\nRCPT TO:<b@y.example",
        "a b@x.example",
        "@x.example",
        "a@",
        "a@-x.example",
        "a..b@x.example",
        '"quoted"@x.example',
        "ä@x.example",
        "a@x.example\n",
        f"{'a' * 65}@x.example",
    ],
)
async def test_what_is_no_address_is_refused_before_a_byte_leaves(address: str) -> None:
    notes = Notes()
    bad = Message(0, bytes(16), EmailAddress("news@example.com", address), b"x")
    worse = Message(1, bytes(16), EmailAddress(address, "ann@example.net"), b"x")
    worst = Message(2, bytes(16), address, b"x")
    async with MailServer() as server:
        answers = await send(server, [bad, worse, worst, an_email(3)], notes=notes)

    assert [answer.kind for answer in answers] == [AnswerKind.REJECTED] * 3 + [AnswerKind.ACCEPTED]
    assert {answer.reason for answer in answers[:3]} == {"EMAIL_ADDRESS_INVALID"}
    assert notes.entries == [("attempting", 3), ("answered", 3)]
    assert [command for command in server.commands if command.startswith("RCPT")] == ["RCPT TO:<p3@example.net>"]


# What the server announces.


async def test_its_size_is_respected_before_anything_is_sent() -> None:
    async with MailServer(announces=("PIPELINING", "SIZE 1000")) as server:
        (large, small) = await send(server, [an_email(0, body=b"x\r\n" * 400), an_email(1, body=b"x\r\n" * 300)])

    assert (large.kind, large.reason, large.code) == (AnswerKind.REJECTED, "EMAIL_TOO_LARGE", 0)
    assert small.kind is AnswerKind.ACCEPTED
    assert server.commands[1] == "MAIL FROM:<news@example.com> SIZE=900"


async def test_eight_bits_go_where_they_are_taken() -> None:
    body = "Grüße\r\n".encode()
    async with MailServer(announces=("8BITMIME",)) as server:
        (taken,) = await send(server, [an_email(body=body)])
        assert server.commands[1] == "MAIL FROM:<news@example.com> BODY=8BITMIME"
    async with MailServer(announces=()) as server:
        (refused,) = await send(server, [an_email(body=body)])

    assert taken.kind is AnswerKind.ACCEPTED
    assert (refused.kind, refused.reason) == (AnswerKind.REJECTED, "EMAIL_8BIT_NOT_TAKEN")


async def test_a_line_longer_than_the_rule_is_never_written() -> None:
    async with MailServer() as server:
        (long, longest) = await send(server, [an_email(0, body=b"x" * 999), an_email(1, body=b"x" * 998)])

    assert (long.kind, long.reason) == (AnswerKind.REJECTED, "EMAIL_LINE_TOO_LONG")
    assert longest.kind is AnswerKind.ACCEPTED


async def test_a_server_that_knows_only_helo_is_served() -> None:
    async with MailServer(replies={"EHLO": ["502 what?"]}) as server:
        (answer,) = await send(server, [an_email(body=b"x")])

    assert answer.kind is AnswerKind.ACCEPTED
    assert [command.split()[0] for command in server.commands] == ["EHLO", "HELO", "MAIL", "RCPT", "DATA", "QUIT"]


# What the server says.


@pytest.mark.parametrize(
    ("verb", "reply", "kind", "reason"),
    [
        ("MAIL", "451 4.3.0 later", AnswerKind.RETRY, "EMAIL_DEFERRED_451"),
        ("MAIL", "550 5.1.8 bad sender", AnswerKind.REJECTED, "EMAIL_REFUSED_550"),
        ("MAIL", "530 5.7.0 log in first", AnswerKind.REJECTED, "EMAIL_AUTHENTICATION_REQUIRED"),
        ("RCPT", "450 4.2.0 greylisted", AnswerKind.RETRY, "EMAIL_DEFERRED_450"),
        ("RCPT", "550 5.1.1 no such user", AnswerKind.RETIRED, "EMAIL_MAILBOX_UNKNOWN"),
        ("RCPT", "550 no such user", AnswerKind.RETIRED, "EMAIL_MAILBOX_UNKNOWN"),
        ("RCPT", "551 moved", AnswerKind.RETIRED, "EMAIL_MAILBOX_UNKNOWN"),
        ("RCPT", "553 no", AnswerKind.RETIRED, "EMAIL_MAILBOX_UNKNOWN"),
        ("RCPT", "554 5.1.2 no such domain", AnswerKind.RETIRED, "EMAIL_MAILBOX_UNKNOWN"),
        ("RCPT", "550 5.2.1 disabled", AnswerKind.RETIRED, "EMAIL_MAILBOX_UNKNOWN"),
        ("RCPT", "550 5.1.8 bad sender", AnswerKind.REJECTED, "EMAIL_REFUSED_550"),
        ("RCPT", "550 5.7.1 you are on a list", AnswerKind.REJECTED, "EMAIL_REFUSED_BY_POLICY"),
        ("RCPT", "550 relay not permitted", AnswerKind.REJECTED, "EMAIL_REFUSED_550"),
        ("RCPT", "552 5.2.2 full", AnswerKind.REJECTED, "EMAIL_MAILBOX_FULL"),
        ("RCPT", "554-no\r\n554 no", AnswerKind.REJECTED, "EMAIL_REFUSED_554"),
        ("DATA", "451 later", AnswerKind.RETRY, "EMAIL_DEFERRED_451"),
        ("DATA", "554 no", AnswerKind.REJECTED, "EMAIL_REFUSED_554"),
        ("BODY", "451 4.3.0 later", AnswerKind.RETRY, "EMAIL_DEFERRED_451"),
        ("BODY", "554 5.7.1 spam", AnswerKind.REJECTED, "EMAIL_REFUSED_BY_POLICY"),
        ("BODY", "550 5.1.1 said too late", AnswerKind.REJECTED, "EMAIL_REFUSED_550"),
        ("BODY", "552 too large", AnswerKind.REJECTED, "EMAIL_TOO_LARGE"),
        ("BODY", "421 4.3.2 closing", AnswerKind.RETRY, "EMAIL_DEFERRED_421"),
    ],
)
@BOTH_WAYS
async def test_a_refusal_is_its_messages_own(
    verb: str, reply: str, kind: AnswerKind, reason: str, announces: tuple[str, ...]
) -> None:
    yes = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", "BODY": "250 kept"}[verb]
    notes = Notes()
    async with MailServer(announces=announces, replies={verb: [yes, reply, yes]}) as server:
        (before, refused, after) = await send(server, emails(3), notes=notes)

    assert (before.kind, after.kind) == (AnswerKind.ACCEPTED, AnswerKind.ACCEPTED)
    assert (refused.kind, refused.reason, refused.code) == (kind, reason, int(reply[:3]))
    assert [kept.recipients[0] for kept in server.kept] == ["p0@example.net", "p2@example.net"]
    assert (("attempting", 1) in notes.entries) == (verb == "BODY")
    assert (("answered", 1) in notes.entries) == (verb == "BODY")


async def test_a_354_after_a_refused_recipient_gets_an_empty_body() -> None:
    """RFC 2920 §3.1: some servers say 354 although nobody is to get it."""
    async with MailServer(replies={"RCPT": ["550 5.1.1 no"], "DATA": ["354 go"]}) as server:
        (refused, after) = await send(server, emails(2))

    assert (refused.kind, after.kind) == (AnswerKind.RETIRED, AnswerKind.ACCEPTED)
    assert [kept.recipients for kept in server.kept] == [("p1@example.net",)]


async def test_a_354_after_a_refused_sender_gets_nothing_at_all() -> None:
    """Such a server knows nothing of transactions: even an empty body might reach somebody."""
    async with MailServer(replies={"MAIL": ["451 later"], "RCPT": ["250 ok"], "DATA": ["354 go"]}) as server:
        (refused,) = await send(server, [an_email()])

    assert (refused.kind, refused.reason) == (AnswerKind.RETRY, "EMAIL_DEFERRED_451")
    assert server.kept == []


@pytest.mark.parametrize("reply", ["hello", "99 x", "150 x", "2500 x", "250_x", "650 x", "\x00\xff"])
@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        ("MAIL", AnswerKind.RETRY),
        ("RCPT", AnswerKind.RETRY),
        ("DATA", AnswerKind.RETRY),
        ("BODY", AnswerKind.UNANSWERED),
    ],
)
async def test_what_is_no_reply_is_none(verb: str, kind: AnswerKind, reply: str) -> None:
    async with MailServer(replies={verb: [reply]}) as server:
        (answer,) = await send(server, [an_email()])

    assert (answer.kind, answer.reason) == (kind, "ANSWER_MALFORMED")


@pytest.mark.parametrize(("verb", "reply"), [("DATA", "250 ok"), ("DATA", "334 x"), ("BODY", "354 go on")])
async def test_a_reply_of_the_wrong_kind_delivers_nothing_twice(verb: str, reply: str) -> None:
    async with MailServer(replies={verb: [reply]}) as server:
        (answer,) = await send(server, [an_email()])

    assert answer.kind is (AnswerKind.UNANSWERED if verb == "BODY" else AnswerKind.RETRY)
    assert server.kept == []


# What the server does not say.


@pytest.mark.parametrize("silence", [DROP, SILENCE], ids=["dropped", "silent"])
@pytest.mark.parametrize("verb", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA"])
@BOTH_WAYS
async def test_before_the_body_a_lost_connection_is_surely_no_delivery(
    verb: str, silence: str, announces: tuple[str, ...]
) -> None:
    notes = Notes()
    async with MailServer(announces=announces, replies={verb: [silence]}) as server:
        (answer,) = await send(server, [an_email()], notes=notes)

    expected = "CONNECTION_LOST" if silence == DROP else "RESPONSE_TIMEOUT"
    assert (answer.kind, answer.reason) == (AnswerKind.RETRY, expected)
    assert (server.kept, notes.entries) == ([], [])


@pytest.mark.parametrize("ending", [DROP, SILENCE, KEEP_AND_DROP])
@BOTH_WAYS
async def test_after_the_body_a_lost_answer_is_a_doubt(ending: str, announces: tuple[str, ...]) -> None:
    notes = Notes()
    async with MailServer(announces=announces, replies={"BODY": [ending]}) as server:
        (doubtful, other) = await send(server, emails(2), notes=notes)

    expected = "RESPONSE_TIMEOUT" if ending == SILENCE else "CONNECTION_LOST"
    assert (doubtful.kind, doubtful.reason, doubtful.code) == (AnswerKind.UNANSWERED, expected, 0)
    assert ("attempting", 0) in notes.entries
    assert ("answered", 0) not in notes.entries
    # The other one's envelope travelled with that body: its own has not left.
    assert other.kind is (AnswerKind.RETRY if "PIPELINING" in announces else AnswerKind.ACCEPTED)


@pytest.mark.parametrize("ending", [DROP, "421 4.7.0 that was enough for one connection"])
@BOTH_WAYS
async def test_a_message_moves_once_when_a_connection_that_served_closes(
    ending: str, announces: tuple[str, ...]
) -> None:
    async with MailServer(announces=announces, replies={"MAIL": ["250 ok", "250 ok", ending]}) as server:
        answers = await send(server, emails(4))

    assert {answer.kind for answer in answers} == {AnswerKind.ACCEPTED}
    assert len(server.kept) == 4
    assert server.connections == 2


async def test_a_server_that_always_closes_at_mail_is_asked_once_a_message() -> None:
    async with MailServer(replies={"MAIL": ["421 no"] * 10}) as server:
        answers = await send(server, emails(3))

    assert {(answer.kind, answer.reason) for answer in answers} == {(AnswerKind.RETRY, "SERVER_CLOSING")}


async def test_nobody_listening_is_a_retry() -> None:
    async with MailServer() as server:
        pass
    sender = a_sender(server, **QUICK)
    answers = await sender.send(emails(3), may_start=always, journal=Notes())
    await sender.close()

    assert {(answer.kind, answer.reason) for answer in answers} == {(AnswerKind.RETRY, "CONNECTION_REFUSED")}


async def test_a_server_that_is_away_is_not_asked_for_each_batch() -> None:
    async with MailServer(replies={"GREETING": ["421 not now"] * 2}) as server:
        sender = a_sender(server, account=an_account(server, connections=1), **QUICK)
        batches = [await sender.send(emails(3), may_start=always, journal=Notes()) for _ in range(5)]
        asked = server.connections
        await asyncio.sleep(max(answer.retry_after for answer in batches[-1]))
        again = await sender.send(emails(3), may_start=always, journal=Notes())
        await asyncio.sleep(max(answer.retry_after for answer in again))
        back = await sender.send(emails(3), may_start=always, journal=Notes())
        await sender.close()

    answers = [answer for batch in batches for answer in batch]
    assert {(answer.kind, answer.reason) for answer in answers} == {(AnswerKind.RETRY, "SMTP_GREETING_REFUSED")}
    assert all(0 < answer.retry_after <= 2 for answer in answers)
    assert asked <= 3
    assert {answer.kind for answer in back} == {AnswerKind.ACCEPTED}


async def test_a_server_that_limits_its_connections_gets_everything_over_those_it_allows() -> None:
    async with MailServer(replies={"GREETING": ["421 too many", "220 here", *["421 too many"] * 30]}) as server:
        sender = a_sender(server, account=an_account(server, connections=8))
        answers = await sender.send(emails(60), may_start=always, journal=Notes())
        await sender.close()

    assert {answer.kind for answer in answers} == {AnswerKind.ACCEPTED}
    assert server.connections <= 9


async def test_a_reply_that_waits_to_be_read_is_not_overdue() -> None:
    """After a freeze timers fire before what has come is read."""
    async with MailServer() as server:
        sender = a_sender(server, account=an_account(server, connections=1), **QUICK)
        sending = asyncio.create_task(sender.send(emails(30), may_start=always, journal=Notes()))
        while len(server.kept) < 3:
            await asyncio.sleep(0)
        time.sleep(1.2)  # neither side runs, and every time-out has passed
        answers = await sending
        await sender.close()

    assert {answer.kind for answer in answers} == {AnswerKind.ACCEPTED}


# Authorisation and journal.


@BOTH_WAYS
async def test_nothing_starts_once_the_answer_is_no(announces: tuple[str, ...]) -> None:
    notes = Notes()
    async with MailServer(announces=announces) as server:
        sender = a_sender(server, account=an_account(server, connections=1))
        answers = await sender.send(emails(10), may_start=lambda: len(notes.entries) < 6, journal=notes)
        await sender.close()

    assert [answer.kind for answer in answers].count(AnswerKind.ACCEPTED) == len(server.kept) <= 4
    rest = {answer.kind for answer in answers if answer.kind is not AnswerKind.ACCEPTED}
    assert rest == {AnswerKind.NOT_STARTED}
    assert len(answers) == 10


@BOTH_WAYS
async def test_an_authorisation_that_runs_out_after_data_drops_the_connection(announces: tuple[str, ...]) -> None:
    asked = 0

    def may_start() -> bool:
        nonlocal asked
        asked += 1
        return asked < 2

    notes = Notes()
    async with MailServer(announces=announces) as server:
        sender = a_sender(server, account=an_account(server, connections=1))
        (answer,) = await sender.send([an_email()], may_start=may_start, journal=notes)
        (again,) = await sender.send([an_email(1)], may_start=always, journal=notes)
        await sender.close()

    assert answer.kind is AnswerKind.NOT_STARTED
    assert again.kind is AnswerKind.ACCEPTED
    assert [kept.recipients[0] for kept in server.kept] == ["p1@example.net"]
    assert notes.entries == [("attempting", 1), ("answered", 1)]
    assert server.connections == 2


@BOTH_WAYS
async def test_what_cannot_be_written_down_does_not_leave(announces: tuple[str, ...]) -> None:
    async with MailServer(announces=announces) as server:
        sender = a_sender(server, account=an_account(server, connections=2))
        answers = await sender.send(emails(20), may_start=always, journal=Notes(broken=True))
        await sender.close()

    assert {answer.kind for answer in answers} == {AnswerKind.NOT_STARTED}
    assert (len(answers), server.kept) == (20, [])


@BOTH_WAYS
async def test_an_answer_that_cannot_be_written_down_stands_and_ends_the_sending(announces: tuple[str, ...]) -> None:
    async with MailServer(announces=announces) as server:
        sender = a_sender(server, account=an_account(server, connections=1))
        answers = await sender.send(emails(20), may_start=always, journal=Notes(broken_answers=True))
        await sender.close()

    kinds = [answer.kind for answer in answers]
    assert kinds.count(AnswerKind.ACCEPTED) == len(server.kept) == 1
    assert kinds.count(AnswerKind.NOT_STARTED) == 19


# Connections.


async def test_connections_are_opened_on_demand_up_to_the_accounts_number() -> None:
    async with MailServer() as server:
        sender = a_sender(server, account=an_account(server, connections=4))
        await sender.send([an_email()], may_start=always, journal=Notes())
        assert server.connections == 1
        await sender.send(emails(200), may_start=always, journal=Notes())
        await sender.close()
        for _ in range(50):
            await asyncio.sleep(0.01 if server.open else 0)

    assert server.most_open == server.connections == 4
    assert server.commands.count("QUIT") == 4


async def test_two_sends_share_the_connections_fairly() -> None:
    ended: list[str] = []

    async def run(name: str, sender: SmtpSender, messages: list[Message]) -> None:
        await sender.send(messages, may_start=always, journal=Notes())
        ended.append(name)

    async with MailServer() as server:
        sender = a_sender(server, account=an_account(server, connections=2))
        long = asyncio.create_task(run("long", sender, emails(400)))
        await asyncio.sleep(0.01)
        await run("short", sender, emails(10))
        await long
        await sender.close()

    assert ended == ["short", "long"]


async def test_a_connection_that_the_server_closed_while_idle_is_not_used() -> None:
    async with MailServer() as server:
        sender = a_sender(server, account=an_account(server, connections=1))
        await sender.send([an_email(0)], may_start=always, journal=Notes())
        server.hang_up()
        (at_once,) = await sender.send([an_email(1)], may_start=always, journal=Notes())
        server.hang_up()
        await asyncio.sleep(0.7)
        (later,) = await sender.send([an_email(2)], may_start=always, journal=Notes())
        await sender.close()

    assert (at_once.kind, later.kind) == (AnswerKind.ACCEPTED, AnswerKind.ACCEPTED)


async def test_an_empty_batch_is_answered_at_once() -> None:
    async with MailServer() as server:
        sender = a_sender(server)
        assert await sender.send([], may_start=always, journal=Notes()) == []
        await sender.close()

    assert server.connections == 0


async def test_closing_starts_nothing_and_leaves_what_is_out_in_doubt() -> None:
    notes = Notes()
    async with MailServer(replies={"BODY": [SILENCE]}) as server:
        sender = a_sender(server, account=an_account(server, connections=1))
        sending = asyncio.create_task(sender.send(emails(3), may_start=always, journal=notes))
        while not notes.entries:
            await asyncio.sleep(0.01)
        await sender.close()
        answers = sorted(await sending, key=lambda answer: answer.position)
        (late,) = await sender.send([an_email(9)], may_start=always, journal=notes)

    assert [answer.kind for answer in answers] == [AnswerKind.UNANSWERED, *[AnswerKind.NOT_STARTED] * 2]
    assert late.kind is AnswerKind.NOT_STARTED


# Where it may connect to.


@pytest.mark.parametrize(
    ("host", "port", "kind", "reason"),
    [
        ("127.0.0.1", 25, AnswerKind.REJECTED, "EMAIL_ADDRESS_NOT_PUBLIC"),
        ("localhost", 587, AnswerKind.REJECTED, "EMAIL_ADDRESS_NOT_PUBLIC"),
        ("10.0.0.1", 465, AnswerKind.REJECTED, "EMAIL_ADDRESS_NOT_PUBLIC"),
        ("mail.example.com", 22, AnswerKind.REJECTED, "EMAIL_PORT_NOT_ALLOWED"),
        ("no host", 25, AnswerKind.REJECTED, "EMAIL_HOST_INVALID"),
        ("", 25, AnswerKind.REJECTED, "EMAIL_HOST_INVALID"),
        ("x\r\ny", 25, AnswerKind.REJECTED, "EMAIL_HOST_INVALID"),
        ("nowhere.invalid", 25, AnswerKind.RETRY, "NAME_NOT_RESOLVED"),
    ],
)
async def test_an_account_leads_to_mail_servers_on_the_internet_only(
    host: str, port: int, kind: AnswerKind, reason: str
) -> None:
    sender = SmtpSender(SmtpAccount(host=host, port=port, security=Security.PLAIN))
    (answer,) = await sender.send([an_email()], may_start=always, journal=Notes())
    await sender.close()

    assert (answer.kind, answer.reason) == (kind, reason)
