"""Owns waiting for a part of the core that restarts: a call is begun only once its peer is there.

Never repeats a command: whether one whose answer was lost may run again is not for the gateway to say. A question is
asked again until it is answered, or patience ends.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc

from services.runtime.errors import Unavailable
from services.runtime.grpc_client import open_channel
from services.runtime.identity import IdentityTokens

PATIENCE_SECONDS = 7.0
PAUSE_SECONDS = 0.25
QUESTIONS = ("Get", "List", "BatchGet", "Count", "Reconcile")  # what reading methods begin with (AIP-130)


def is_question(method: str | bytes) -> bool:
    """Whether `/package.Service/Method` changes nothing."""
    path = method if isinstance(method, str) else method.decode()
    return path.rpartition("/")[2].startswith(QUESTIONS)


class _Patience(grpc.aio.UnaryUnaryClientInterceptor):
    """Holds each call back until the channel is connected. Raises Unavailable where that takes too long."""

    channel: grpc.aio.Channel

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    await self.channel.channel_ready()
            except TimeoutError as error:
                raise Unavailable("PEER_UNAVAILABLE", "A part is restarting; try again.") from error
            call = await continuation(client_call_details, request)
            if not is_question(client_call_details.method) or await call.code() is not grpc.StatusCode.UNAVAILABLE:
                return call
            if time.monotonic() + PAUSE_SECONDS > until:
                return call
            await asyncio.sleep(PAUSE_SECONDS)


def open_patient_channel(address: str, *, tokens: IdentityTokens, service: str) -> grpc.aio.Channel:
    """A channel to a part of the core; `service` is the caller's own name."""
    patience = _Patience()
    patience.channel = open_channel(address, tokens=tokens, service=service, outermost=[patience])
    return patience.channel
