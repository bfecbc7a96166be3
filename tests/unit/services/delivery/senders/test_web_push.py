"""The web push sender against a real server on loopback that behaves as real ones do, the bad ones too."""

from __future__ import annotations

import asyncio
import datetime
import email.utils
import ipaddress
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from py_vapid import Vapid02

from services.delivery.senders.sender import Answer, AnswerKind, Message
from services.delivery.senders.web_push import PushAddress
from tests.unit.services.delivery.senders.loopback import (
    BROWSER,
    CREATED,
    Behaviour,
    Loopback,
    Seen,
    a_message,
    a_sender,
    always,
    answering,
    closing_after,
    messages,
    silent,
)
from tests.unit.services.delivery.senders.notes import Notes

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(30)]


async def _one_answer(behave: Behaviour, **settings: float) -> Answer:
    async with Loopback(behave) as service:
        sender = a_sender(service.host, **settings)
        (answer,) = await sender.send([a_message(service.url)], may_start=always, journal=Notes())
        await sender.close()
        return answer


def _kinds(answers: list[Answer]) -> list[AnswerKind]:
    return [answer.kind for answer in sorted(answers, key=lambda answer: answer.position)]


# What a push service gets.


async def test_the_browser_reads_what_was_sent() -> None:
    async with Loopback() as service:
        sender = a_sender(service.host)

        (answer,) = await sender.send(
            [a_message(service.url, payload=b'{"title":"Hi"}')], may_start=always, journal=Notes()
        )

        assert (answer.kind, answer.code, answer.reason) == (AnswerKind.ACCEPTED, 201, "")
        assert answer.at == pytest.approx(time.time(), abs=5)
        assert BROWSER.read(service.requests[0].body) == b'{"title":"Hi"}'
        await sender.close()


async def test_a_request_carries_what_rfc_8030_and_rfc_8292_ask_for() -> None:
    async with Loopback() as service:
        sender = a_sender(service.host, time_to_live=3600, urgency="high")
        message = Message(7, bytes(range(16)), BROWSER.address(service.url), b"{}")

        await sender.send([message], may_start=always, journal=Notes())

        seen = service.requests[0]
        assert seen.target == "/push/somebody"
        assert seen.headers["host"] == service.host
        assert (seen.headers["ttl"], seen.headers["urgency"]) == ("3600", "high")
        assert seen.headers["content-encoding"] == "aes128gcm"
        assert seen.headers["topic"] == "AAECAwQFBgcICQoLDA0ODw"
        assert Vapid02.verify(seen.headers["authorization"].replace(", ", ","))
        await sender.close()


async def test_every_message_of_a_long_batch_is_answered_once_over_few_connections() -> None:
    async with Loopback() as service:
        sender = a_sender(service.host, connections_per_origin=8)

        answers = await sender.send(messages(service.url, 500), may_start=always, journal=Notes())

        assert sorted(answer.position for answer in answers) == list(range(500))
        assert len({seen.headers["topic"] for seen in service.requests}) == 500
        assert 1 <= service.connections <= 8
        assert len({seen.headers["authorization"] for seen in service.requests}) == 1
        await sender.close()


async def test_no_messages_bring_no_answers() -> None:
    sender = a_sender()

    assert await sender.send([], may_start=always, journal=Notes()) == []
    await sender.close()


# What it answers.


@pytest.mark.parametrize("value", ["7", "date"])
async def test_too_many_requests_is_tried_again_after_the_time_named(value: str) -> None:
    after = value if value.isdigit() else email.utils.formatdate(time.time() + 7, usegmt=True)

    answer = await _one_answer(
        answering(
            b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: %b\r\nContent-Length: 4\r\n\r\nslow" % after.encode()
        )
    )

    assert (answer.kind, answer.code, answer.reason) == (AnswerKind.RETRY, 429, "PUSH_TOO_MANY_REQUESTS")
    assert answer.retry_after == pytest.approx(7, abs=2)


async def test_a_subscription_that_is_gone_is_retired() -> None:
    answer = await _one_answer(answering(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"))

    assert (answer.kind, answer.code, answer.reason) == (AnswerKind.RETIRED, 410, "PUSH_SUBSCRIPTION_GONE")


async def test_a_redirect_is_refused_and_not_followed() -> None:
    async with Loopback() as elsewhere:
        location = f"Location: {elsewhere.url}\r\n".encode()
        answer = await _one_answer(
            answering(b"HTTP/1.1 307 Temporary Redirect\r\n" + location + b"Content-Length: 0\r\n\r\n")
        )

        assert (answer.kind, answer.reason) == (AnswerKind.REJECTED, "PUSH_REJECTED_307")
        assert elsewhere.connections == 0


async def test_an_early_hint_is_not_the_answer() -> None:
    answer = await _one_answer(answering(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + CREATED))

    assert (answer.kind, answer.code) == (AnswerKind.ACCEPTED, 201)


async def test_a_body_is_drained_and_the_connection_used_again() -> None:
    chunked = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    async with Loopback(answering(chunked)) as service:
        sender = a_sender(service.host, connections_per_origin=1)

        answers = await sender.send(messages(service.url, 5), may_start=always, journal=Notes())

        assert _kinds(answers) == [AnswerKind.ACCEPTED] * 5
        assert service.connections == 1
        await sender.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 201 Created\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_connection_that_is_to_end_is_not_used_again(answer: bytes) -> None:
    async with Loopback(answering(answer)) as service:
        sender = a_sender(service.host, connections_per_origin=1)

        answers = await sender.send(messages(service.url, 3), may_start=always, journal=Notes())

        assert _kinds(answers) == [AnswerKind.ACCEPTED] * 3
        assert service.connections == 3
        await sender.close()


# What goes wrong.


async def test_a_connection_closed_in_the_middle_of_the_answer_leaves_it_unanswered() -> None:
    answer = await _one_answer(closing_after(b"HTTP/1.1 201 Cre"))

    assert (answer.kind, answer.code, answer.reason) == (AnswerKind.UNANSWERED, 0, "CONNECTION_LOST")


async def test_a_connection_closed_without_a_word_leaves_it_unanswered() -> None:
    assert (await _one_answer(closing_after(b""))).kind is AnswerKind.UNANSWERED


async def test_a_status_stands_when_its_body_is_cut_off() -> None:
    answer = await _one_answer(closing_after(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf"))

    assert (answer.kind, answer.code) == (AnswerKind.ACCEPTED, 201)


async def test_a_server_that_never_answers_leaves_it_unanswered() -> None:
    answer = await _one_answer(silent, response_timeout=0.2)

    assert (answer.kind, answer.reason) == (AnswerKind.UNANSWERED, "RESPONSE_TIMEOUT")


@pytest.mark.parametrize(
    "nonsense",
    [b"SMTP ready\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
)
async def test_an_answer_that_is_no_answer_leaves_it_unanswered(nonsense: bytes) -> None:
    answer = await _one_answer(answering(nonsense), response_timeout=1)

    assert (answer.kind, answer.reason) == (AnswerKind.UNANSWERED, "ANSWER_MALFORMED")


async def test_an_endless_head_is_cut_off() -> None:
    answer = await _one_answer(answering(b"HTTP/1.1 201 Created\r\n" + b"X-Long: " + b"x" * 200_000))

    assert answer.kind is AnswerKind.UNANSWERED


async def test_a_second_answer_to_one_request_is_never_the_next_ones() -> None:
    gone = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    async with Loopback(answering(CREATED + gone, CREATED)) as service:
        sender = a_sender(service.host, connections_per_origin=1)

        answers = await sender.send(messages(service.url, 3), may_start=always, journal=Notes())

        assert _kinds(answers) == [AnswerKind.ACCEPTED] * 3
        await sender.close()


async def test_a_refused_connection_is_surely_not_sent() -> None:
    async with Loopback() as service:
        host, url = service.host, service.url
    sender = a_sender(host)

    answers = await sender.send(messages(url, 400), may_start=always, journal=Notes())

    assert {(answer.kind, answer.reason) for answer in answers} == {(AnswerKind.RETRY, "CONNECTION_REFUSED")}
    assert len(answers) == 400
    await sender.close()


async def test_a_name_that_does_not_exist_is_surely_not_sent() -> None:
    sender = a_sender()

    (answer,) = await sender.send([a_message("https://nowhere.invalid/push/x")], may_start=always, journal=Notes())

    assert (answer.kind, answer.reason) == (AnswerKind.RETRY, "NAME_NOT_RESOLVED")
    await sender.close()


async def test_a_connection_that_was_closed_while_idle_costs_nothing() -> None:
    async with Loopback() as service:
        sender = a_sender(service.host)
        await sender.send(messages(service.url, 4), may_start=always, journal=Notes())

        service.hang_up()
        await asyncio.sleep(0.05)
        answers = await sender.send(messages(service.url, 4), may_start=always, journal=Notes())

        assert _kinds(answers) == [AnswerKind.ACCEPTED] * 4
        await sender.close()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_after_a_freeze_an_answer_that_waits_to_be_read_is_read_and_not_timed_out(loop: str) -> None:
    stopped: list[asyncio.subprocess.Process] = []

    async def freeze(seen: Seen, writer: asyncio.StreamWriter) -> None:
        stopped[0].send_signal(signal.SIGSTOP)
        writer.write(CREATED)
        await asyncio.sleep(0.6)
        stopped[0].send_signal(signal.SIGCONT)

    async with Loopback(freeze) as service:
        arguments = ("-m", "tests.unit.services.delivery.senders.frozen_sender", service.host, loop)
        stopped.append(await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=subprocess.PIPE))
        output, _ = await stopped[0].communicate()

    assert output.split() == [b"ACCEPTED"]


# What is wrong before any call.


async def test_a_payload_that_does_not_fit_is_refused_without_a_call() -> None:
    async with Loopback() as service:
        sender = a_sender(service.host)

        (answer,) = await sender.send([a_message(service.url, payload=b"x" * 3_994)], may_start=always, journal=Notes())

        assert (answer.kind, answer.reason) == (AnswerKind.REJECTED, "PUSH_PAYLOAD_TOO_LARGE")
        assert service.connections == 0
        await sender.close()


async def test_broken_subscriptions_are_refused_one_by_one_and_harm_nobody() -> None:
    async with Loopback() as service:
        sender = a_sender(service.host)
        good = BROWSER.address(service.url)
        broken: list[object] = [
            PushAddress("not a url", good.p256dh, good.auth),
            PushAddress("http://10.0.0.1/push", good.p256dh, good.auth),
            PushAddress(service.url, b"\x04" + b"\x01" * 64, good.auth),
            PushAddress(service.url, b"", good.auth),
            PushAddress(service.url, good.p256dh, b"short"),
            PushAddress(service.url, None, good.auth),  # type: ignore[arg-type]
            PushAddress(None, good.p256dh, good.auth),  # type: ignore[arg-type]
            "somebody@example.com",
            None,
        ]
        batch = [Message(at, at.to_bytes(16), address, b"{}") for at, address in enumerate([*broken, good])]

        answers = sorted(
            await sender.send(batch, may_start=always, journal=Notes()), key=lambda answer: answer.position
        )

        assert {(a.kind, a.reason) for a in answers[:-1]} == {(AnswerKind.REJECTED, "PUSH_SUBSCRIPTION_INVALID")}
        assert answers[-1].kind is AnswerKind.ACCEPTED
        await sender.close()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "169.254.169.254"])
async def test_a_private_address_is_never_connected_to(name: str) -> None:
    async with Loopback() as service:
        sender = a_sender()
        port = service.host.partition(":")[2]

        (answer,) = await sender.send([a_message(f"https://{name}:{port}/push/x")], may_start=always, journal=Notes())

        assert (answer.kind, answer.reason) == (AnswerKind.REJECTED, "PUSH_ADDRESS_NOT_PUBLIC")
        assert service.connections == 0
        await sender.close()


# What is written down.


async def test_a_push_is_written_down_before_it_leaves_and_after_its_answer() -> None:
    notes = Notes()
    seen: list[list[tuple[str, int]]] = []

    async def noting(request: Seen, writer: asyncio.StreamWriter) -> None:
        seen.append(list(notes.entries))
        writer.write(CREATED)

    async with Loopback(noting) as service:
        sender = a_sender(service.host, connections_per_origin=1)
        await sender.send(messages(service.url, 2), may_start=always, journal=notes)
        await sender.close()

    assert seen == [[("attempting", 0)], [("attempting", 0), ("answered", 0), ("attempting", 1)]]
    assert notes.kinds == {0: AnswerKind.ACCEPTED, 1: AnswerKind.ACCEPTED}


async def test_of_a_push_without_an_answer_the_journal_keeps_the_doubt() -> None:
    notes = Notes()
    async with Loopback(silent) as service:
        sender = a_sender(service.host, response_timeout=0.2)
        (answer,) = await sender.send([a_message(service.url)], may_start=always, journal=notes)
        await sender.close()

    assert answer.kind is AnswerKind.UNANSWERED
    assert notes.entries == [("attempting", answer.position)]


async def test_a_push_that_cannot_be_written_down_does_not_leave() -> None:
    async with Loopback() as service:
        sender = a_sender(service.host)
        answers = await sender.send(messages(service.url, 20), may_start=always, journal=Notes(broken=True))
        await sender.close()

        assert _kinds(answers) == [AnswerKind.NOT_STARTED] * 20
        assert service.requests == []


async def test_a_pushs_answer_that_cannot_be_written_down_stands_and_ends_the_sending() -> None:
    async with Loopback() as service:
        sender = a_sender(service.host, connections_per_origin=1)
        answers = await sender.send(messages(service.url, 20), may_start=always, journal=Notes(broken_answers=True))
        await sender.close()

        kinds = _kinds(answers)
        assert kinds.count(AnswerKind.ACCEPTED) == len(service.requests) == 1
        assert kinds.count(AnswerKind.NOT_STARTED) == 19


# Stopping, and sharing.


async def test_nothing_starts_once_the_authorisation_has_run_out() -> None:
    async with Loopback() as service:
        sender = a_sender(service.host, connections_per_origin=4)
        left = iter(range(100))

        answers = await sender.send(
            messages(service.url, 400), may_start=lambda: next(left, None) is not None, journal=Notes()
        )

        accepted = _kinds(answers).count(AnswerKind.ACCEPTED)
        assert accepted == len(service.requests) < 100
        assert _kinds(answers).count(AnswerKind.NOT_STARTED) == 400 - accepted
        await sender.close()


async def test_a_no_is_final_even_if_the_authorisation_came_back() -> None:
    async with Loopback() as service:
        sender = a_sender(service.host, connections_per_origin=1)
        said = iter([True, True, False])

        answers = await sender.send(messages(service.url, 20), may_start=lambda: next(said, True), journal=Notes())

        assert len(service.requests) <= 2
        assert len(answers) == 20
        await sender.close()


async def test_a_cancelled_send_starts_nothing_more() -> None:
    async with Loopback(silent) as service:
        sender = a_sender(service.host, connections_per_origin=1)
        sending = asyncio.create_task(sender.send(messages(service.url, 10), may_start=always, journal=Notes()))
        while not service.requests:
            await asyncio.sleep(0.01)

        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        service.hang_up()
        await asyncio.sleep(0.1)

        assert len(service.requests) == 1
        await sender.close()


async def test_closing_leaves_calls_in_flight_unanswered_and_waiting_ones_not_started() -> None:
    async with Loopback(silent) as service:
        sender = a_sender(service.host, connections_per_origin=2)
        sending = asyncio.create_task(sender.send(messages(service.url, 10), may_start=always, journal=Notes()))
        while len(service.requests) < 2:
            await asyncio.sleep(0.01)

        await sender.close()
        kinds = _kinds(await sending)

        assert kinds.count(AnswerKind.UNANSWERED) == 2
        assert kinds.count(AnswerKind.NOT_STARTED) == 8


async def test_a_short_batch_does_not_wait_for_a_long_one() -> None:
    async with Loopback(_slowly) as service:
        sender = a_sender(service.host, connections_per_origin=1)
        long = asyncio.create_task(sender.send(messages(service.url, 200), may_start=always, journal=Notes()))
        await asyncio.sleep(0.1)

        await sender.send(messages(service.url, 5), may_start=always, journal=Notes())

        assert not long.done()
        await long
        await sender.close()


async def test_one_origin_that_is_silent_does_not_hold_up_another() -> None:
    async with Loopback(silent) as dead, Loopback() as alive:
        sender = a_sender(dead.host, alive.host, response_timeout=0.5)
        batch = [a_message([dead.url, alive.url][at % 2], position=at) for at in range(40)]

        kinds = _kinds(await sender.send(batch, may_start=always, journal=Notes()))

        assert kinds == [AnswerKind.UNANSWERED, AnswerKind.ACCEPTED] * 20
        await sender.close()


async def test_connections_in_all_are_bounded_and_every_origin_still_gets_its_turn() -> None:
    async with Loopback() as first, Loopback() as second, Loopback() as third:
        sender = a_sender(first.host, second.host, third.host, connections=2)
        urls = [first.url, second.url, third.url]

        answers = await sender.send(
            [a_message(urls[at % 3], position=at) for at in range(30)], may_start=always, journal=Notes()
        )

        assert _kinds(answers) == [AnswerKind.ACCEPTED] * 30
        await sender.close()


async def _slowly(seen: Seen, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.005)
    writer.write(CREATED)


# TLS.


async def test_tls_is_verified_by_name_and_trust(tmp_path: Path) -> None:
    certificate = _self_signed(tmp_path)
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(certificate)
    async with Loopback(tls=server_side) as service:
        trusting = a_sender(service.host, tls=ssl.create_default_context(cafile=str(certificate)))
        (accepted,) = await trusting.send([a_message(service.url)], may_start=always, journal=Notes())
        stranger = a_sender(service.host)
        (refused,) = await stranger.send([a_message(service.url)], may_start=always, journal=Notes())

        assert accepted.kind is AnswerKind.ACCEPTED
        assert (refused.kind, refused.reason) == (AnswerKind.RETRY, "TLS_CERTIFICATE_UNTRUSTED")
        assert len(service.requests) == 1
        await trusting.close()
        await stranger.close()


def _self_signed(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "push service")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    path = directory / "certificate.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    return path
