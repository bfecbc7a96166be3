"""Owns what the sandbox's tests stand on: a sandbox on a free port, a plain client, and the real push sender."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.main import Sandbox
from sandbox.settings import Settings
from services.delivery.senders.sender import Answer, Message
from services.delivery.senders.vapid import VapidSigner
from services.delivery.senders.web_push import PushAddress, WebPushSender
from tests.unit.services.delivery.senders.notes import Notes


class Outside:
    """`async with Outside(directory) as outside`."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self._settings = Settings("127.0.0.1", 0, directory, smtp_host="127.0.0.1", **settings)

    async def __aenter__(self) -> Outside:
        self._sandbox = Sandbox(self._settings)
        self._server = await self._sandbox.listen(self._settings)
        self.host = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._mail_server = await self._sandbox.listen_for_mail(self._settings)
        self.smtp_port = int(self._mail_server.sockets[0].getsockname()[1])
        self.client = aiohttp.ClientSession(f"http://{self.host}")
        signer = VapidSigner(ec.generate_private_key(ec.SECP256R1()), "mailto:operator@example.com")
        self.sender = WebPushSender(signer, allowed_private_hosts=(self.host,))
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self.sender.close()
        await self.client.close()
        self._server.close()
        self._mail_server.close()
        self._sandbox.close()

    async def call(self, method: str, path: str, value: object = None) -> tuple[int, Any]:
        """Status and decoded JSON."""
        async with self.client.request(method, path, json=value) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def lines(self, path: str, *, method: str = "GET") -> list[dict[str, Any]]:
        async with self.client.request(method, path) as answer:
            assert answer.content_type == "application/x-ndjson"
            return [json.loads(line) for line in (await answer.text()).splitlines()]

    async def subscriptions(self, count: int) -> list[PushAddress]:
        return [address(each) for each in await self.lines(f"/subscriptions?count={count}", method="POST")]

    async def push(self, messages: list[Message]) -> list[Answer]:
        answers = await self.sender.send(messages, may_start=lambda: True, journal=Notes())
        return sorted(answers, key=lambda answer: answer.position)


def address(subscription: dict[str, Any]) -> PushAddress:
    keys = subscription["keys"]
    return PushAddress(subscription["endpoint"], decoded(keys["p256dh"]), decoded(keys["auth"]))


def a_push(to: PushAddress, *, number: int = 0, campaign: str = "cmp_one", **content: object) -> Message:
    notification = {"id": f"{number}", "campaign": campaign, "title": "Hello", "body": "World", **content}
    return Message(number, number.to_bytes(16), to, json.dumps(notification).encode())


def topic(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(16)).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
