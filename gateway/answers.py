"""Owns how a dialect's servicer answers anything but 200: metadata that edge.lua turns into status and body.

Never shapes an error by itself: the dialect gives its `reply_of` and `render`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
import structlog

from gateway import core_errors
from gateway.core_errors import CoreError
from gateway.refusal import Reply
from services.runtime.errors import DomainError

STATUS_KEY = "x-http-status"
BODY_KEY = "x-error-body"
Context = Any
Method = Callable[[Any, Any, Context], Any]


async def created(context: Context) -> None:
    """Answer 201. Call it last: nothing may fail after it. (The transcoder drops a success' trailing metadata.)"""
    await context.send_initial_metadata(((STATUS_KEY, "201"),))


async def no_content(context: Context) -> None:
    """Answer 204, also a stream, which must stay empty then. Call it last."""
    await context.send_initial_metadata(((STATUS_KEY, "204"),))


async def attached(context: Context, disposition: str) -> None:
    """Answer a file (RFC 6266). Call it before the first message of the stream."""
    await context.send_initial_metadata((("content-disposition", disposition),))


@dataclass(frozen=True, slots=True)
class Answers:
    """One dialect's way of saying no, put around its methods."""

    reply_of: Callable[[CoreError], Reply]
    render: Callable[[Reply, str], Mapping[str, Any]]

    def unary(self, method: Method) -> Method:
        """A method whose refusals are told in the dialect's words."""

        @functools.wraps(method)
        async def call(servicer: Any, request: Any, context: Context) -> Any:
            try:
                return await method(servicer, request, context)
            except (DomainError, grpc.aio.AioRpcError) as error:
                await self._refuse(context, core_errors.read(error))

        return call

    def stream(self, method: Method) -> Method:
        """The same for a stream; only what happens before the first message can still be told."""

        @functools.wraps(method)
        async def call(servicer: Any, request: Any, context: Context) -> AsyncIterator[Any]:
            try:
                async for answer in method(servicer, request, context):
                    yield answer
            except (DomainError, grpc.aio.AioRpcError) as error:
                await self._refuse(context, core_errors.read(error))

        return call

    async def _refuse(self, context: Context, error: CoreError) -> NoReturn:
        reply = self.reply_of(error)
        request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
        body = json.dumps(self.render(reply, request_id))
        await context.abort(error.code, error.message[:200], ((STATUS_KEY, str(reply.status)), (BODY_KEY, body)))
        raise AssertionError("abort raises")
