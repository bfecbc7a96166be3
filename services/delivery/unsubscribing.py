"""Owns unsubscribing by a message's own link (RFC 8058): who it went to is suppressed, and that is a receipt.

Never before the commit, never twice: a mail program that asks again changes nothing.
"""

from __future__ import annotations

from email import policy
from email.parser import BytesParser
from urllib.parse import parse_qs

from services.delivery import message_repository, receipts, suppression_repository
from services.delivery.domain.links import MessagePlace
from services.delivery.domain.receipts import Receipt, ReceiptKind
from services.delivery.unsubscribe_page import FORM_KEY, FORM_VALUE
from services.runtime.clock import Clock
from services.runtime.database import Database, Transaction
from services.runtime.errors import Invalid

REASON = "UNSUBSCRIBED"


def require_one_click(content_type: str, form: bytes) -> None:
    """Invalid unless the form says `List-Unsubscribe=One-Click`, in either of the two encodings."""
    if FORM_VALUE not in _values(content_type, form):
        raise Invalid("FORM_INVALID", f"Post the form {FORM_KEY}={FORM_VALUE}.", field="form")


def _values(content_type: str, form: bytes) -> list[str]:
    if not content_type.lower().startswith("multipart/form-data"):
        return parse_qs(form.decode(errors="replace")).get(FORM_KEY, [])
    head = f"Content-Type: {content_type}\r\n\r\n".encode(errors="replace")
    parsed = BytesParser(policy=policy.HTTP).parsebytes(head + form)
    parts = parsed.iter_parts() if parsed.is_multipart() else ()
    return [
        (part.get_payload(decode=True) or b"").decode(errors="replace").strip()  # type: ignore[union-attr]
        for part in parts
        if part.get_param("name", header="content-disposition") == FORM_KEY
    ]


class Unsubscribing:
    """Takes people at their word."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def take(self, place: MessagePlace) -> None:
        """Suppress whom the message went to, by its channel; nothing where there is no such message."""
        await self._database.transaction(lambda tx: self._store(tx, place))

    async def _store(self, tx: Transaction, place: MessagePlace) -> None:
        recipient = await message_repository.find_recipient(tx, place)
        if recipient is None:
            return
        await suppression_repository.suppress(
            tx,
            tenant=recipient.tenant,
            project=recipient.project,
            people=[(recipient.contact, recipient.channel)],
            reason=REASON,
        )
        receipt = Receipt(place=place, kind=ReceiptKind.UNSUBSCRIBED, action="", at=self._clock.now())
        await receipts.store(tx, [receipt])
