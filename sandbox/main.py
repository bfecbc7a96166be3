"""Owns the sandbox process: wires its parts, listens, and ends at SIGTERM.

Never holds anything that a kill would lose: every accepted call is in the ledger before its answer.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import ssl
import sys

import uvloop

from sandbox import batches, mail_reading, push_decryption
from sandbox import settings as environment
from sandbox.batches import BatchEndpoint
from sandbox.faults import Dice
from sandbox.http_server import Connection
from sandbox.ledger import Ledger
from sandbox.mail import CHANNEL as EMAIL
from sandbox.mail import MailProvider
from sandbox.messages import Channel, Messages
from sandbox.push import CHANNEL as PUSH
from sandbox.push import PushService
from sandbox.records import Record
from sandbox.routes import Routes
from sandbox.settings import InvalidSettings, Settings
from sandbox.smtp_server import SmtpConnection, Terms
from sandbox.subscriptions import Subscriptions

_BACKLOG = 1_024


class Sandbox:
    """The wired parts of one data directory."""

    def __init__(self, settings: Settings) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        self._subscriptions = Subscriptions(settings.data)
        self._ledger = Ledger(settings.data / "messages.log")
        dice = Dice()
        push = PushService(self._subscriptions, self._ledger, dice)
        self._mail = MailProvider(self._subscriptions, self._ledger, dice)
        channels = {
            PUSH: Channel("push", self._read_push),
            EMAIL: Channel("email", _read_email, _campaign_of_email),
            batches.CHANNEL: Channel("http", batches.content),
        }
        self._messages = Messages(self._ledger, channels)
        self.routes = Routes(
            push=push,
            mail=self._mail,
            endpoint=BatchEndpoint(self._ledger, dice),
            subscriptions=self._subscriptions,
            ledger=self._ledger,
            messages=self._messages,
            dice=dice,
        )

    def _read_push(self, record: Record) -> dict[str, object]:
        return push_decryption.notification(record.body, self._subscriptions.keys(record.to))

    async def listen(self, settings: Settings) -> asyncio.Server:
        """Raises OSError where the port is taken."""
        accept = functools.partial(Connection, self.routes.handle)
        loop = asyncio.get_running_loop()
        return await loop.create_server(accept, settings.host, settings.port, backlog=_BACKLOG)

    async def listen_for_mail(self, settings: Settings) -> asyncio.Server:
        """Raises OSError where the port is taken, ssl.SSLError where the certificate is none."""
        username, _, password = settings.smtp_login.partition(":")
        terms = Terms(tls=_tls(settings.smtp_certificate), username=username, password=password)
        accept = functools.partial(SmtpConnection, self._mail, terms)
        loop = asyncio.get_running_loop()
        return await loop.create_server(accept, settings.smtp_host, settings.smtp_port, backlog=_BACKLOG)

    def close(self) -> None:
        self._messages.close()
        self._ledger.close()
        self._subscriptions.close()


def _read_email(record: Record) -> dict[str, object]:
    return mail_reading.content(record.body)


def _campaign_of_email(record: Record) -> str:
    return mail_reading.campaign(record.body)


def _tls(certificate: str) -> ssl.SSLContext | None:
    if not certificate:
        return None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    return tls


async def _serve(settings: Settings) -> None:
    sandbox = Sandbox(settings)
    servers = [await sandbox.listen(settings)]
    told = [f"http://{settings.host}:{_port(servers[0])}"]
    if settings.smtp_host:
        servers.append(await sandbox.listen_for_mail(settings))
        told.insert(0, f"smtp://{settings.smtp_host}:{_port(servers[1])} and")
    print(f"The sandbox listens on {' '.join(told)}", flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    for server in servers:
        server.close()
    sandbox.close()


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def main() -> None:
    try:
        settings = environment.read(os.environ)
    except InvalidSettings as problems:
        sys.exit(str(problems))
    try:
        uvloop.run(_serve(settings))
    except OSError as problem:
        sys.exit(f"The sandbox cannot start: {problem}")


if __name__ == "__main__":
    main()
