"""How many emails a second: our sender and aiosmtplib, in turn, against the same sandbox.

Run: python -m tests.bench.email_sending, with --messages, --connections, --rounds, --senders.
The sandbox is a process of its own and keeps a ledger on disk; its count must equal what was sent. Every message is
merged per person, 4 KB, and noted in a journal on disk, as campaigns' are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop

from services.delivery.body_encoding import BodyPattern
from services.delivery.email_message import EmailHead, EmailSkeleton
from services.delivery.journal import AttemptJournal
from services.delivery.senders.sender import AnswerKind, Message
from services.delivery.senders.smtp import EmailAddress, Security, SmtpAccount, SmtpSender
from tests.bench.plain_email import mail_plainly

PLAIN_SHARE = 10  # of our messages: the rate is what counts, not the wait
_SKELETON = EmailSkeleton(
    EmailHead(
        from_email="news@example.com",
        from_name="The Shop",
        reply_to="help@example.com",
        campaign="cmp_bench",
        unsubscribe_url="https://mail.example.com/u/",
    )
)
_LINE = "It left our warehouse this morning and arrives tomorrow between nine and noon."
_TEXT = BodyPattern(("Hello, person ", "!\r\n" + f"{_LINE}\r\n" * 12))
_HTML = BodyPattern(("<h1>Hello, person ", "!</h1>\r\n" + f"<p>{_LINE}</p>\r\n" * 28))


@dataclass(frozen=True)
class Measured:
    """One turn: messages a second, and processor µs a message."""

    rate: float
    here: float
    sandbox: float

    def __str__(self) -> str:
        costs = f"processor time a message: {self.here:.0f} µs here, {self.sandbox:.0f} µs in the sandbox"
        return f"{self.rate:,.0f} messages/s; {costs}"


def compare(
    smtp: str, sandbox: psutil.Process, *, messages: int, rounds: int, connections: int = 10, senders: int = 2
) -> tuple[list[Measured], list[Measured]]:
    """Ours and aiosmtplib, a turn each and again; `smtp` is the sandbox's "host:port"."""
    made = [_message(number) for number in range(messages)]
    few = made[: max(messages // PLAIN_SHARE, 1)]
    ours, plain = [], []
    for _ in range(rounds):
        ours.append(_measured(sandbox, messages, lambda: _ours(smtp, made, connections, senders)))
        plain.append(_measured(sandbox, len(few), lambda: _plain(smtp, few, connections)))
    return ours, plain


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as data:
        process, smtp, url = _start_sandbox(data)
        try:
            size, microseconds = message_cost()
            print(f"one message: {size:,} bytes, made in {microseconds:.0f} µs")
            ours, plain = compare(smtp, psutil.Process(process.pid), **vars(arguments))
            with urllib.request.urlopen(f"{url}/messages/count") as answer:
                sent = arguments.rounds * (arguments.messages + max(arguments.messages // PLAIN_SHARE, 1))
                assert json.load(answer)["total"] == sent
        finally:
            process.terminate()
            process.wait()
    for mine, its in zip(ours, plain, strict=True):
        print(f"ours: {mine}\naiosmtplib: {its}")
    print(f"ratio of the medians: {median_rate(ours) / median_rate(plain):.1f}")


def median_rate(turns: list[Measured]) -> float:
    return statistics.median(turn.rate for turn in turns)


def message_cost() -> tuple[int, float]:
    """Bytes of one message, and the µs of making it: the median of many."""
    spent = []
    for number in range(2_000):
        began = time.perf_counter()
        message = _message(number)
        spent.append(time.perf_counter() - began)
    return len(message.payload), statistics.median(spent) * 1e6


def _measured(sandbox: psutil.Process, count: int, work: Callable[[], Coroutine[None, None, float]]) -> Measured:
    here = psutil.Process()
    before = _processor_time(here), _processor_time(sandbox)
    rate = uvloop.run(work())
    spent = (_processor_time(one) - then for one, then in zip((here, sandbox), before, strict=True))
    return Measured(rate, *(seconds / count * 1e6 for seconds in spent))


async def _ours(smtp: str, messages: list[Message], connections: int, senders: int) -> float:
    host, _, port = smtp.rpartition(":")
    account = SmtpAccount(host=host, port=int(port), security=Security.PLAIN, connections=connections)
    sender = SmtpSender(account, allowed_private_hosts=(smtp,))
    parts = [messages[first::senders] for first in range(senders)]
    with tempfile.TemporaryDirectory() as directory:
        journals = [AttemptJournal(Path(directory) / f"{number}") for number in range(senders)]
        began = time.perf_counter()
        sending = [
            sender.send(part, may_start=lambda: True, journal=journal)
            for part, journal in zip(parts, journals, strict=True)
        ]
        answers = await asyncio.gather(*sending)
        rate = len(messages) / (time.perf_counter() - began)
        await sender.close()
        for journal in journals:
            journal.close()
    assert all(answer.kind is AnswerKind.ACCEPTED for part in answers for answer in part)
    return rate


async def _plain(smtp: str, messages: list[Message], connections: int) -> float:
    host, _, port = smtp.rpartition(":")
    mails = [(_address(each).mail_from, _address(each).recipient, each.payload) for each in messages]
    return await mail_plainly(host, int(port), mails, connections=connections)


def _address(message: Message) -> EmailAddress:
    assert isinstance(message.address, EmailAddress)
    return message.address


def _message(number: int) -> Message:
    to, key = f"person.{number}@example.net", number.to_bytes(16)
    raw = _SKELETON.build(
        message_id=key,
        to=to,
        subject=f"Your order is on its way, person {number}",
        text=_TEXT.encode([str(number)]),
        html=_HTML.encode([str(number)]),
        unsubscribe_token=b"0123456789abcdefghijklmn",
    )
    return Message(number, key, EmailAddress("news@example.com", to), raw)


def _processor_time(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _start_sandbox(data: str) -> tuple[subprocess.Popen[str], str, str]:
    own = {
        "CARILLON_SANDBOX_LISTEN": "127.0.0.1:0",
        "CARILLON_SANDBOX_SMTP_LISTEN": "127.0.0.1:0",
        "CARILLON_SANDBOX_DATA": data,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.main"], env={**os.environ, **own}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    *_, smtp, _, url = process.stdout.readline().split()
    return process, smtp.removeprefix("smtp://"), url


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=30_000)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--senders", type=int, default=2, help="concurrent send() calls")
    return parser.parse_args()


if __name__ == "__main__":
    main()
