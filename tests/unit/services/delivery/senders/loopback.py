"""Owns what the senders' tests stand on: a push service on loopback that behaves as told, and a browser that reads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import http_ece  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.delivery.senders.sender import Message
from services.delivery.senders.vapid import VapidSigner
from services.delivery.senders.web_push import PushAddress, WebPushSender

CREATED = b"HTTP/1.1 201 Created\r\nLocation: /m/1\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Seen:
    """One request as it came; header names in lower case."""

    target: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


def answering(*answers: bytes) -> Behaviour:
    """Each request gets the next of the answers, the last one again and again."""
    left = list(answers)

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])

    return behave


def closing_after(answer: bytes) -> Behaviour:
    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    return behave


async def silent(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Reads and never answers."""


@dataclass
class Loopback:
    """`async with Loopback(behaviour) as service`."""

    behave: Behaviour = field(default_factory=lambda: answering(CREATED))
    tls: Any = None
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0
    host: str = ""

    async def __aenter__(self) -> Loopback:
        self._writers: set[asyncio.StreamWriter] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls, backlog=1024)
        self.host = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *problem: object) -> None:
        self._server.close()
        self.hang_up()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while not writer.is_closing():
                seen = await _request(reader)
                self.requests.append(seen)
                await self.behave(seen, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}/push/somebody"


async def _request(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Seen(first.split()[1], headers, await reader.readexactly(int(headers["content-length"])))


class Browser:
    """Whoever subscribed; reads with `http_ece`, an implementation that is not ours."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.p256dh = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.auth = os.urandom(16)

    def address(self, url: str) -> PushAddress:
        return PushAddress(url, self.p256dh, self.auth)

    def read(self, body: bytes) -> bytes:
        return bytes(http_ece.decrypt(body, private_key=self.private, auth_secret=self.auth))


BROWSER = Browser()


def a_message(url: str, *, position: int = 0, payload: bytes = b'{"title":"Hello"}') -> Message:
    return Message(position, position.to_bytes(16), BROWSER.address(url), payload)


def messages(url: str, count: int) -> list[Message]:
    return [a_message(url, position=position) for position in range(count)]


def a_signer() -> VapidSigner:
    return VapidSigner(ec.generate_private_key(ec.SECP256R1()), "mailto:operator@example.com")


def a_sender(*hosts: str, **settings: Any) -> WebPushSender:
    return WebPushSender(a_signer(), allowed_private_hosts=hosts, **settings)


def always() -> bool:
    return True
