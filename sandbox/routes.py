"""Owns which request goes where, and what the answers of the sandbox's own pages look like.

Never holds state: each part has its own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine

from sandbox import batches, faults, metrics, page
from sandbox.batches import BatchEndpoint
from sandbox.faults import Dice, Faults, InvalidFaults
from sandbox.http_server import Connection, Handler, Request
from sandbox.ledger import Ledger
from sandbox.mail import MailProvider
from sandbox.messages import Messages
from sandbox.people import EVENTS, People
from sandbox.push import PREFIX as PUSH
from sandbox.push import PushService
from sandbox.subscriptions import Subscriptions

_SUBSCRIPTIONS = "/subscriptions/"
_AUTHORITY = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_MAX_CREATED = 1_000_000
_SLICE = 100  # subscriptions that are made between two looks at the event loop, about 5 ms
_SHARE = re.compile(r"0(\.\d{1,9})?|1(\.0{1,9})?")
_NDJSON = "application/x-ndjson"


class Routes:
    """The table of addresses."""

    def __init__(
        self,
        *,
        push: PushService,
        endpoint: BatchEndpoint,
        mail: MailProvider,
        subscriptions: Subscriptions,
        ledger: Ledger,
        messages: Messages,
        dice: Dice,
    ) -> None:
        self._push = push
        self._mail = mail
        self._subscriptions = subscriptions
        self._ledger = ledger
        self._messages = messages
        self._dice = dice
        self._people = People(messages)
        self._tasks: set[asyncio.Task[None]] = set()
        self._table: dict[str, dict[str, Handler]] = {
            "/": {"GET": self._in_task(self._show_page)},
            "/live": {"GET": self._alive},
            "/ready": {"GET": self._alive},
            "/metrics": {"GET": self._show_metrics},
            "/subscriptions": {"POST": self._in_task(self._create_subscriptions)},
            "/faults": {"GET": self._show_faults, "PUT": self._set_faults, "DELETE": self._clear_faults},
            "/messages": {"GET": self._in_task(self._show_messages), "DELETE": self._clear_messages},
            "/messages/count": {"GET": self._count_messages},
            batches.PATH: {"POST": endpoint.receive},
            f"{batches.PATH}/secret": {"GET": endpoint.show_secret},
            "/clicks": {"POST": self._in_task(self._act)},
        }

    def handle(self, request: Request, connection: Connection) -> None:
        """Every request is answered: what nobody foresaw is a 500 here and a trace on standard error."""
        try:
            self._find(request)(request, connection)
        except Exception:
            _report(connection)

    def _find(self, request: Request) -> Handler:
        path = request.path
        if path.startswith(PUSH):
            methods: dict[str, Handler] = {"POST": self._push.receive}
        elif path.startswith(_SUBSCRIPTIONS):
            methods = {"DELETE": self._retire_subscription}
        else:
            methods = self._table.get(path, {})
        method = "GET" if request.method == "HEAD" else request.method
        return methods.get(method) or _refusing(methods)

    def _in_task(self, work: Callable[[Request, Connection], Coroutine[None, None, None]]) -> Handler:
        async def guarded(request: Request, connection: Connection) -> None:
            try:
                await work(request, connection)
            except Exception:
                _report(connection)

        def start(request: Request, connection: Connection) -> None:
            task = asyncio.get_running_loop().create_task(guarded(request, connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return start

    # Pages.

    def _alive(self, request: Request, connection: Connection) -> None:
        connection.answer_json(200, {"status": "ok"})

    async def _show_page(self, request: Request, connection: Connection) -> None:
        newest = await self._messages.newest(page.SHOWN)
        shown = page.page(newest, total=len(self._ledger), repeats=self._ledger.repeats)
        connection.answer(200, shown, page.HEADERS)

    def _show_metrics(self, request: Request, connection: Connection) -> None:
        connection.answer(200, metrics.text(self._ledger, self._push, self._mail), metrics.HEADERS)

    # Subscriptions.

    async def _create_subscriptions(self, request: Request, connection: Connection) -> None:
        count = request.query.get("count", "1")
        if not (count.isascii() and count.isdigit() and 1 <= int(count[:9]) <= _MAX_CREATED):
            return connection.error(400, "COUNT_INVALID", f"count is a whole number from 1 to {_MAX_CREATED}")
        if not _AUTHORITY.fullmatch(request.host):
            return connection.error(400, "HOST_INVALID", "the Host header becomes the subscriptions' origin")
        await connection.stream(_NDJSON, self._created(int(count), origin=f"http://{request.host}"))

    async def _created(self, count: int, *, origin: str) -> AsyncIterator[bytes]:
        for first in range(0, count, _SLICE):
            names = [self._subscriptions.create() for _ in range(min(_SLICE, count - first))]
            yield b"".join(_line(self._subscriptions.describe(name, origin=origin)) for name in names)
            await asyncio.sleep(0)

    def _retire_subscription(self, request: Request, connection: Connection) -> None:
        identifier = request.path[len(_SUBSCRIPTIONS) :]
        if not self._subscriptions.exists(identifier):
            return connection.error(404, "SUBSCRIPTION_UNKNOWN", "no such push subscription")
        self._subscriptions.retire(identifier)
        connection.answer(204)

    # Faults.

    def _show_faults(self, request: Request, connection: Connection) -> None:
        connection.answer_json(200, dataclasses.asdict(self._dice.faults))

    def _set_faults(self, request: Request, connection: Connection) -> None:
        try:
            self._dice.set(faults.read(json.loads(request.body)))
        except InvalidFaults as problem:
            return connection.error(400, "FAULTS_INVALID", str(problem))
        except (ValueError, RecursionError):
            return connection.error(400, "JSON_INVALID", "the body is not JSON")
        self._show_faults(request, connection)

    def _clear_faults(self, request: Request, connection: Connection) -> None:
        self._dice.set(Faults())
        connection.answer(204)

    # People.

    async def _act(self, request: Request, connection: Connection) -> None:
        query = request.query
        if unknown := query.keys() - {"campaign", "share", "event"}:
            return connection.error(400, "QUERY_UNKNOWN", f"unknown query parameter {min(unknown)!r}")
        share, event = query.get("share", "1"), query.get("event", EVENTS[0])
        if not query.get("campaign"):
            return connection.error(400, "CAMPAIGN_MISSING", "campaign is whose messages are acted on")
        if not _SHARE.fullmatch(share):
            return connection.error(400, "SHARE_INVALID", "share is a number from 0 to 1")
        if event not in EVENTS:
            return connection.error(400, "EVENT_UNKNOWN", f"event is {' or '.join(EVENTS)}")
        lines = self._people.act(campaign=query["campaign"], share=float(share), event=event)
        await connection.stream(_NDJSON, lines)

    # The ledger.

    async def _show_messages(self, request: Request, connection: Connection) -> None:
        query = request.query
        if unknown := query.keys() - {"campaign", "channel", "content"}:
            return connection.error(400, "QUERY_UNKNOWN", f"unknown query parameter {min(unknown)!r}")
        lines = self._messages.lines(
            campaign=query.get("campaign"), channel=query.get("channel"), with_content="content" in query
        )
        await connection.stream(_NDJSON, lines)

    def _count_messages(self, request: Request, connection: Connection) -> None:
        connection.answer_json(200, {"total": len(self._ledger), "repeats": self._ledger.repeats})

    def _clear_messages(self, request: Request, connection: Connection) -> None:
        self._ledger.clear()
        connection.answer(204)


def _refusing(methods: dict[str, Handler]) -> Handler:
    def refuse(request: Request, connection: Connection) -> None:
        if not methods:
            return connection.error(404, "NOT_FOUND", "nothing lives at this path")
        allowed = ", ".join(methods)
        connection.error(405, "METHOD_NOT_ALLOWED", f"allowed here: {allowed}", f"Allow: {allowed}\r\n".encode())

    return refuse


def _report(connection: Connection) -> None:
    traceback.print_exc(file=sys.stderr)
    connection.fail()


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
