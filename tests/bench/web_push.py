"""How many web pushes a second: our sender and pywebpush, one after the other, against the same sandbox.

Run: python -m tests.bench.web_push, with --messages, --connections, --threads, --senders, --delay-ms, --ours-only.
The sandbox is a process of its own, decrypts a sample afterwards, and its count must equal what was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import requests
import uvloop
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02
from pywebpush import WebPusher

from services.delivery.journal import AttemptJournal
from services.delivery.senders.push_encryption import encrypt
from services.delivery.senders.sender import AnswerKind, Message
from services.delivery.senders.vapid import VapidSigner
from services.delivery.senders.web_push import PushAddress, WebPushSender

_PYWEBPUSH_SHARE = 10  # of our messages: the rate is what counts, not the wait


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as data:
        sandbox, url = _start_sandbox(data)
        try:
            _run(url, psutil.Process(sandbox.pid), arguments)
        finally:
            sandbox.terminate()
            sandbox.wait()


def _run(url: str, sandbox: psutil.Process, arguments: argparse.Namespace) -> None:
    subscriptions = _ndjson(f"{url}/subscriptions?count={arguments.messages}", method="POST")
    if arguments.delay_ms:
        _call(f"{url}/faults", method="PUT", body=json.dumps({"delay_ms": arguments.delay_ms}).encode())
    payload = json.dumps(_notification()).encode()
    key = ec.generate_private_key(ec.SECP256R1())
    print(f"encryption alone: {_encryption_cost(payload, subscriptions[0]):.0f} µs a message in one thread")
    before = _processor_time(sandbox)
    uvloop.run(_ours(url, key, subscriptions, payload, arguments))
    spent = (_processor_time(sandbox) - before) / arguments.messages * 1e6
    print(f"  processor time of the sandbox: {spent:.0f} µs a message")
    if not arguments.ours_only:
        few = subscriptions[: max(arguments.messages // _PYWEBPUSH_SHARE, 1)]
        _pywebpush(key, few, payload, threads=1)
        _pywebpush(key, few, payload, threads=8)
    began = time.perf_counter()
    lines = _ndjson(f"{url}/messages?campaign=cmp_bench")
    print(f"the ledger, read and decrypted: {len(lines)} lines in {time.perf_counter() - began:.2f} s")


def _processor_time(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _encryption_cost(payload: bytes, subscription: dict[str, object]) -> float:
    address = _address(subscription)
    began = time.perf_counter()
    for _ in range(2_000):
        encrypt(payload, p256dh=address.p256dh, auth=address.auth)
    return (time.perf_counter() - began) / 2_000 * 1e6


async def _ours(
    url: str,
    key: ec.EllipticCurvePrivateKey,
    subscriptions: list[dict[str, object]],
    payload: bytes,
    arguments: argparse.Namespace,
) -> None:
    sender = WebPushSender(
        VapidSigner(key, "mailto:bench@example.com"),
        allowed_private_hosts=(url.removeprefix("http://"),),
        connections_per_origin=arguments.connections,
        crypto_threads=arguments.threads,
    )
    messages = [
        Message(position, os.urandom(16), _address(subscription), payload)
        for position, subscription in enumerate(subscriptions)
    ]
    share = -(-len(messages) // arguments.senders)
    parts = [messages[at : at + share] for at in range(0, len(messages), share)]
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        journal = AttemptJournal(Path(directory) / "journal")
        answers = await asyncio.gather(*(sender.send(part, may_start=lambda: True, journal=journal) for part in parts))
        journal.close()
    spent = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    await sender.close()
    accepted = sum(answer.kind is AnswerKind.ACCEPTED for part in answers for answer in part)
    processor = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(messages) * 1e6
    _report("ours", accepted, len(messages), spent)
    print(f"  processor time of our process: {processor:.0f} µs a message, encryption included")
    assert accepted == len(messages) == json.loads(_call(f"{url}/messages/count"))["total"]


def _pywebpush(
    key: ec.EllipticCurvePrivateKey, subscriptions: list[dict[str, object]], payload: bytes, *, threads: int
) -> None:
    """As its documentation shows it: one session kept, one signature a message."""
    vapid = Vapid02(key)
    session = requests.Session()

    def push(subscription: dict[str, object]) -> bool:
        endpoint = str(subscription["endpoint"])
        expires = int(time.time()) + 3600
        claims = {"sub": "mailto:bench@example.com", "aud": endpoint.partition("/push/")[0], "exp": expires}
        answer = WebPusher(subscription, requests_session=session).send(payload, vapid.sign(claims), ttl=3600)
        return bool(answer.status_code == 201)

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        accepted = sum(pool.map(push, subscriptions))
    _report(
        f"pywebpush, {threads} thread{'s' * (threads > 1)}", accepted, len(subscriptions), time.perf_counter() - began
    )


def _report(name: str, accepted: int, sent: int, spent: float) -> None:
    print(f"{name}: {accepted} of {sent} accepted in {spent:.2f} s, {sent / spent:,.0f} messages/s")


def _notification() -> dict[str, object]:
    return {
        "id": "0123456789abcdef0123456789abcdef",
        "campaign": "cmp_bench",
        "title": "Your order is on its way",
        "body": "It left our warehouse this morning and arrives tomorrow between nine and noon. " * 4,
        "icon": "https://example.com/icon.png",
        "url": "https://example.com/orders/1234?utm_source=push&utm_campaign=bench",
        "actions": [{"action": "open", "title": "Follow it"}],
    }


def _address(subscription: dict[str, object]) -> PushAddress:
    keys = subscription["keys"]
    assert isinstance(keys, dict)
    return PushAddress(str(subscription["endpoint"]), _decoded(keys["p256dh"]), _decoded(keys["auth"]))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _start_sandbox(data: str) -> tuple[subprocess.Popen[str], str]:
    environment = {**os.environ, "CARILLON_SANDBOX_LISTEN": "127.0.0.1:0", "CARILLON_SANDBOX_DATA": data}
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.main"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().split()[-1]


def _ndjson(url: str, *, method: str = "GET") -> list[dict[str, object]]:
    return [json.loads(line) for line in _call(url, method=method).splitlines()]


def _call(url: str, *, method: str = "GET", body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method), timeout=120) as answer:
        return bytes(answer.read())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2, help="that encrypt")
    parser.add_argument("--senders", type=int, default=2, help="concurrent send() calls")
    parser.add_argument("--delay-ms", type=int, default=0, help="of the sandbox's answers")
    parser.add_argument("--ours-only", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
