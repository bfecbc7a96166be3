"""Email by SMTP: what every way of a server's answering, and of its not answering, does to each message."""

from __future__ import annotations

from services.delivery.senders.sender import AnswerKind
from tests.unit.services.delivery.senders.mail_server import MailServer, Notes, a_sender, always, an_email, emails


async def test_a_message_is_handed_over_whole_and_noted_before_and_after() -> None:
    notes = Notes()
    async with MailServer() as server:
        sender = a_sender(server)

        (answer,) = await sender.send([an_email(7)], may_start=always, journal=notes)
        await sender.close()

    assert (answer.position, answer.kind, answer.code, answer.reason) == (7, AnswerKind.ACCEPTED, 250, "")
    (kept,) = server.kept
    assert (kept.mail_from, kept.recipients) == ("news@example.com", ("p7@example.net",))
    assert kept.body == b"Subject: Hello\r\n\r\nHello.\r\n"
    assert notes.entries == [("attempting", 7), ("answered", 7)]
    assert server.commands[-1] == "QUIT"


async def test_with_pipelining_a_message_costs_one_round_trip() -> None:
    async with MailServer() as server:
        sender = a_sender(server)
        answers = await sender.send(emails(50), may_start=always, journal=Notes())
        await sender.close()

    assert {answer.kind for answer in answers} == {AnswerKind.ACCEPTED}
    assert len(server.kept) == 50
