"""Owns email by SMTP as a channel: messages in, one answer each out, over the account's own connections.

Never repeats a body and never raises for what a server or a network does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.delivery.senders.destination import Destinations
from services.delivery.senders.sender import Answer, Journal, Message
from services.delivery.senders.smtp_account import AccountProblem, EmailAddress, Security, SmtpAccount
from services.delivery.senders.smtp_batch import EmailBatch, EmailCall
from services.delivery.senders.smtp_check import check_account
from services.delivery.senders.smtp_pool import SmtpPool
from services.delivery.senders.smtp_session import Opener

__all__ = ["AccountProblem", "EmailAddress", "Security", "SmtpAccount", "SmtpSender", "check_account"]


class SmtpSender:
    """A Sender (see sender.py) whose addresses are EmailAddress and whose payloads are whole MIME messages."""

    def __init__(
        self,
        account: SmtpAccount,
        *,
        allowed_private_hosts: tuple[str, ...] = (),
        connect_timeout: float = 10.0,
        reply_timeout: float = 30.0,
        body_timeout: float = 60.0,
    ) -> None:
        """Times in seconds; `allowed_private_hosts` are "host:port" that need not be public and may be any port."""
        destinations = Destinations(frozenset(host.lower() for host in allowed_private_hosts))
        opener = Opener(account, destinations, connect_timeout=connect_timeout, reply_timeout=reply_timeout)
        self._pool = SmtpPool(
            opener, connections=account.connections, reply_timeout=reply_timeout, body_timeout=body_timeout
        )

    async def send(
        self, messages: Sequence[Message], *, may_start: Callable[[], bool], journal: Journal
    ) -> list[Answer]:
        """`may_start` is asked before MAIL and again before the body; `journal` is told right before and after it."""
        batch = EmailBatch(len(messages), may_start, journal)
        self._pool.submit(batch, [EmailCall(batch, message) for message in messages])
        try:
            await batch.done.wait()
        finally:
            batch.stopped = True  # for a cancelled caller: what still waits must not start
        return batch.answers

    async def close(self) -> None:
        await self._pool.close()
