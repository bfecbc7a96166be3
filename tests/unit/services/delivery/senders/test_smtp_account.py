"""TLS, passwords, and what the trial of an account says: nothing secret is said where it could be overheard."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest

from services.delivery.senders import smtp_check
from services.delivery.senders.sender import AnswerKind
from services.delivery.senders.smtp import AccountProblem, Security, SmtpAccount, check_account
from services.delivery.senders.smtp_session import read_abilities
from services.delivery.senders.smtp_wire import Reply
from tests.certificates import certificate_of, self_signed
from tests.unit.services.delivery.senders.mail_server import (
    DROP,
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

OFFERS_TLS = ("PIPELINING", "STARTTLS")
OFFERS_LOGIN = ("PIPELINING", "AUTH PLAIN LOGIN")
WHO: dict[str, Any] = {"username": "somebody", "password": "a secret"}


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path)


def server_side(certificate: Path) -> ssl.SSLContext:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    return tls


async def check(server: MailServer, **settings: Any) -> AccountProblem | None:
    return await check_account(
        an_account(server, **settings),
        allowed_private_hosts=(server.host, f"localhost:{server.port}"),
        connect_timeout=2.0,
        reply_timeout=0.3,
    )


async def reason(server: MailServer, **settings: Any) -> str:
    problem = await check(server, **settings)
    assert problem is None or (problem.message[-1] in '.?"' and "a secret" not in problem.message)
    return "" if problem is None else problem.reason


# TLS.


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT])
async def test_mail_goes_through_verified_tls(certificate: Path, security: Security) -> None:
    async with MailServer(
        announces=OFFERS_TLS,
        announces_when_secure=OFFERS_LOGIN,
        tls=server_side(certificate),
        implicit=security is Security.IMPLICIT,
    ) as server:
        account = an_account(server, security=security, ca_certificates=certificate_of(certificate), **WHO)
        sender = a_sender(server, account=account)
        answers = await sender.send(emails(50), may_start=always, journal=Notes())
        await sender.close()

        assert await check(server, security=security, ca_certificates=certificate_of(certificate), **WHO) is None

    assert {answer.kind for answer in answers} == {AnswerKind.ACCEPTED}
    assert len(server.kept) == 50


@pytest.mark.parametrize("security", Security)
async def test_what_is_larger_than_any_buffer_passes_whole(certificate: Path, security: Security) -> None:
    body = b"Subject: Large\r\n\r\n" + b"0123456789\r\n" * 200_000
    async with MailServer(
        announces=OFFERS_TLS, tls=server_side(certificate), implicit=security is Security.IMPLICIT
    ) as server:
        account = an_account(server, security=security, ca_certificates=certificate_of(certificate), connections=2)
        sender = a_sender(server, account=account)
        answers = await sender.send([an_email(at, body=body) for at in range(4)], may_start=always, journal=Notes())
        await sender.close()

    assert {answer.kind for answer in answers} == {AnswerKind.ACCEPTED}
    assert [kept.body == body for kept in server.kept] == [True] * 4


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT])
async def test_a_stranger_is_not_talked_to(tmp_path: Path, security: Security) -> None:
    here, elsewhere = self_signed(tmp_path), self_signed(tmp_path, name="mail.example.com")
    old = self_signed(tmp_path / "old", days=-1)
    implicit = security is Security.IMPLICIT
    for served, trusted, expected in (
        (here, "", "TLS_CERTIFICATE_UNTRUSTED"),
        (here, certificate_of(elsewhere), "TLS_CERTIFICATE_UNTRUSTED"),
        (elsewhere, certificate_of(elsewhere), "TLS_CERTIFICATE_MISMATCH"),
        (old, certificate_of(old), "TLS_CERTIFICATE_UNTRUSTED"),
    ):
        async with MailServer(announces=OFFERS_TLS, tls=server_side(served), implicit=implicit) as server:
            account = an_account(server, security=security, ca_certificates=trusted, **WHO)
            sender = a_sender(server, account=account)
            answers = await sender.send(emails(2), may_start=always, journal=Notes())
            await sender.close()

            assert {(answer.kind, answer.reason) for answer in answers} == {(AnswerKind.RETRY, expected)}
            assert await reason(server, security=security, ca_certificates=trusted, **WHO) == expected
        assert not any(command.startswith(("AUTH", "MAIL")) for command in server.commands)


async def test_without_starttls_nothing_more_is_said(certificate: Path) -> None:
    async with MailServer(announces=("PIPELINING", "AUTH PLAIN")) as server:
        assert await reason(server, security=Security.STARTTLS, **WHO) == "SMTP_STARTTLS_NOT_OFFERED"
    assert [command.split()[0] for command in server.commands] == ["EHLO"]


async def test_a_refused_starttls_is_said(certificate: Path) -> None:
    async with MailServer(
        announces=OFFERS_TLS, tls=server_side(certificate), replies={"STARTTLS": ["454 4.7.0 not now"]}
    ) as server:
        problem = await check(server, security=Security.STARTTLS)

    assert problem is not None
    assert problem.reason == "SMTP_STARTTLS_REFUSED"
    assert problem.message.endswith('It said "454 4.7.0 not now".')


async def test_what_is_said_in_the_clear_behind_starttls_is_not_believed(certificate: Path) -> None:
    """A stranger on the line appends his own words, to be taken for the server's once TLS is there."""
    async with MailServer(
        announces=OFFERS_TLS, tls=server_side(certificate), replies={"STARTTLS": ["220 go\r\n250 stranger"]}
    ) as server:
        account = {"security": Security.STARTTLS, "ca_certificates": certificate_of(certificate)}
        assert await reason(server, **account) in ("SMTP_STARTTLS_REFUSED", "TLS_FAILED")


# Passwords.


@pytest.mark.parametrize("mechanism", ["AUTH PLAIN", "AUTH LOGIN", "AUTH=LOGIN", "AUTH CRAM-MD5 LOGIN"])
async def test_a_password_is_handed_over_in_the_way_that_is_offered(mechanism: str) -> None:
    async with MailServer(announces=(mechanism,)) as server:
        assert await reason(server, allow_plaintext_auth=True, **WHO) == ""
        assert await reason(server, allow_plaintext_auth=True, username="somebody", password="no") == (
            "SMTP_AUTH_REFUSED"
        )


async def test_a_password_is_not_said_in_the_clear() -> None:
    async with MailServer(announces=OFFERS_LOGIN) as server:
        sender = a_sender(server, account=an_account(server, **WHO))
        (answer,) = await sender.send(emails(1), may_start=always, journal=Notes())
        await sender.close()

        assert await reason(server, **WHO) == "SMTP_AUTH_NEEDS_TLS"
    assert (answer.kind, answer.reason) == (AnswerKind.RETRY, "SMTP_AUTH_NEEDS_TLS")
    word = base64.b64encode(b"\0somebody\0a secret").decode()
    assert not any("AUTH" in command or word in command for command in server.commands)


async def test_a_password_is_not_shown_by_its_account() -> None:
    assert "a secret" not in repr(SmtpAccount(host="mail.example.com", port=587, **WHO))


# The trial.


@pytest.mark.parametrize(
    ("replies", "settings", "expected"),
    [
        ({"GREETING": ["554 go away"]}, {}, "SMTP_GREETING_REFUSED"),
        ({"GREETING": ["SSH-2.0-x"]}, {}, "ANSWER_MALFORMED"),
        ({"GREETING": [SILENCE]}, {}, "RESPONSE_TIMEOUT"),
        ({"GREETING": [DROP]}, {}, "CONNECTION_LOST"),
        ({"EHLO": ["550 no"]}, {}, "SMTP_EHLO_REFUSED"),
        ({"AUTH": ["454 later"]}, {"allow_plaintext_auth": True, **WHO}, "SMTP_AUTH_DEFERRED"),
        ({"NOOP": ["421 bye"]}, {}, "SMTP_NOOP_REFUSED"),
        ({"QUIT": [DROP]}, {}, ""),
        ({}, {"security": Security.IMPLICIT}, "TLS_FAILED"),
        ({}, {"ca_certificates": "nonsense"}, "CA_CERTIFICATES_INVALID"),
        ({}, {"client_name": "me\r\nMAIL"}, "CLIENT_NAME_INVALID"),
        ({}, {"username": "x", "allow_plaintext_auth": True}, "SMTP_AUTH_REFUSED"),
    ],
)
async def test_a_trial_names_what_is_wrong(
    replies: dict[str, list[str]], settings: dict[str, Any], expected: str
) -> None:
    async with MailServer(announces=OFFERS_LOGIN, replies=replies) as server:
        assert await reason(server, **settings) == expected
    assert not any(command.startswith("MAIL") for command in server.commands)


async def test_a_server_that_offers_no_login_is_said() -> None:
    async with MailServer(announces=("AUTH GSSAPI",)) as server:
        assert await reason(server, allow_plaintext_auth=True, **WHO) == "SMTP_AUTH_NOT_OFFERED"


async def test_a_trial_of_what_is_not_there() -> None:
    async with MailServer() as server:
        pass
    assert await reason(server) == "CONNECTION_REFUSED"
    nowhere = await check_account(SmtpAccount(host="nowhere.invalid", port=25))
    private = await check_account(SmtpAccount(host="127.0.0.1", port=25))
    other = await check_account(SmtpAccount(host="mail.example.com", port=6379))

    assert nowhere is not None
    assert nowhere.message == "No address was found for nowhere.invalid."
    assert private is not None
    assert private.reason == "ADDRESS_NOT_PUBLIC"
    assert other is not None
    assert other.reason == "PORT_NOT_ALLOWED"


def test_a_servers_words_are_one_line_and_not_too_long() -> None:
    said = smtp_check._said(Reply(554, "no\n\x1b[31m" + "x" * 1_000))

    assert said.isprintable()
    assert len(said) < 250


def test_what_a_server_announces_is_read_whatever_it_says() -> None:
    abilities = read_abilities("mail.example.com\nsize 35882577\nAuth Plain\nAUTH=LOGIN XOAUTH2\n\nPIPELINING\nx y z")
    odd = read_abilities("PIPELINING\nSIZE\nSIZE nonsense\n8bitmime extra")

    assert (abilities.max_size, abilities.pipelining, abilities.eight_bit) == (35_882_577, True, False)
    assert abilities.mechanisms == {"PLAIN", "LOGIN", "XOAUTH2"}
    assert (odd.pipelining, odd.size, odd.max_size, odd.eight_bit) == (False, True, 0, True)
