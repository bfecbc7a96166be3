"""The sandbox as a process: it survives kill -9 with everything it has answered, and says what is wrong at a start."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.delivery.senders.sender import AnswerKind
from services.delivery.senders.vapid import VapidSigner
from services.delivery.senders.web_push import WebPushSender
from tests.unit.sandbox.outside import a_push, address
from tests.unit.services.delivery.senders.notes import Notes

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


async def _start(data: Path, *, port: str = "0") -> tuple[asyncio.subprocess.Process, str]:
    environment = os.environ | {"CARILLON_SANDBOX_LISTEN": f"127.0.0.1:{port}", "CARILLON_SANDBOX_DATA": str(data)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox.main", env=environment, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    return process, (await process.stdout.readline()).decode().split()[-1].removeprefix("http://")


async def test_every_push_answered_before_a_kill_is_in_the_ledger_after_it(tmp_path: Path) -> None:
    process, host = await _start(tmp_path)
    async with aiohttp.ClientSession() as client:
        async with client.post(f"http://{host}/subscriptions?count=3000") as made:
            subscriptions = [json.loads(line) async for line in made.content]
        sender = WebPushSender(
            VapidSigner(ec.generate_private_key(ec.SECP256R1()), "mailto:a@example.com"), allowed_private_hosts=(host,)
        )
        pushes = [a_push(address(each), number=at) for at, each in enumerate(subscriptions)]
        sending = asyncio.create_task(sender.send(pushes, may_start=lambda: True, journal=Notes()))
        while await _total(client, host) < 100:
            await asyncio.sleep(0.01)
        process.kill()
        answers = await sending
        await sender.close()

        process, host = await _start(tmp_path)
        async with client.get(f"http://{host}/messages?campaign=cmp_one") as read:
            lines = [json.loads(line) async for line in read.content]
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0

    noted = {line["to"] for line in lines}
    accepted = {subscriptions[a.position]["endpoint"][-32:] for a in answers if a.kind is AnswerKind.ACCEPTED}
    doubtful = {subscriptions[a.position]["endpoint"][-32:] for a in answers if a.kind is AnswerKind.UNANSWERED}
    assert accepted
    assert len(accepted) < 3_000
    assert accepted <= noted <= accepted | doubtful


async def _total(client: aiohttp.ClientSession, host: str) -> int:
    async with client.get(f"http://{host}/messages/count") as answer:
        return int((await answer.json())["total"])


async def test_a_start_names_every_wrong_setting_at_once() -> None:
    environment = os.environ | {"CARILLON_SANDBOX_LISTEN": "here", "CARILLON_SANDBOX_DATA": ""}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox.main", env=environment, stderr=subprocess.PIPE
    )

    _, problems = await process.communicate()

    assert process.returncode == 1
    assert b"CARILLON_SANDBOX_LISTEN" in problems
    assert b"CARILLON_SANDBOX_DATA" in problems


async def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    first, host = await _start(tmp_path)
    environment = os.environ | {"CARILLON_SANDBOX_LISTEN": host, "CARILLON_SANDBOX_DATA": str(tmp_path)}

    second = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox.main", env=environment, stderr=subprocess.PIPE
    )
    _, problem = await second.communicate()

    assert (second.returncode, problem.count(b"\n")) == (1, 1)
    first.terminate()
    await first.wait()
