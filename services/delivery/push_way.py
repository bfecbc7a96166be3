"""Owns how a run's messages go by web push: what each carries, and to which browser.

Never encrypts and never calls: the sender does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.delivery.domain.channels import Channel
from services.delivery.domain.links import RunLinks
from services.delivery.domain.message_identity import message_id
from services.delivery.messages import RecipientColumns
from services.delivery.payloads import PushPayload
from services.delivery.senders.sender import Answer, Journal, Message, Sender
from services.delivery.senders.web_push import PushAddress


class PushWay:
    """A Way (see way.py)."""

    def __init__(self, *, identity_run: bytes, payload: PushPayload, links: RunLinks, sender: Sender) -> None:
        self._identity_run = identity_run
        self._payload = payload
        self._links = links
        self._sender = sender

    async def send(
        self,
        batch: int,
        recipients: RecipientColumns,
        positions: Sequence[int],
        *,
        may_start: Callable[[], bool],
        journal: Journal | None,
    ) -> list[Answer]:
        """Each attempt is written into the journal."""
        assert journal is not None, "a push service replaces only what it has not delivered yet"
        messages = [self.message(batch, recipients, position) for position in positions]
        return await self._sender.send(messages, may_start=may_start, journal=journal)

    def message(self, batch: int, recipients: RecipientColumns, position: int) -> Message:
        """The message of a position."""
        identity = message_id(
            run=self._identity_run,
            contact=recipients.contact(position),
            channel=Channel.PUSH,
            endpoint=recipients.endpoint(position),
        )
        p256dh, auth = recipients.push_keys(position)
        return Message(
            position=position,
            message_id=identity,
            address=PushAddress(url=recipients.address(position), p256dh=p256dh, auth=auth),
            payload=self._payload.of(identity, self._links.token(batch, position)),
        )
