"""Owns how a run's messages go by email: rendered and built per person, a slice at a time, each slice sent at once.

Never holds the event loop for longer than a slice takes, since authorisations are renewed beside it, and never builds
far ahead of what is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog
from carillon.campaigns.v1.campaigns_pb2 import EmailContent

from services import names
from services.delivery.account_senders import AccountSenders, AccountUnusable
from services.delivery.body_encoding import BodyPattern, encode_body
from services.delivery.domain.channels import Channel
from services.delivery.domain.links import RunLinks
from services.delivery.domain.message_identity import identities
from services.delivery.email_message import EmailHead, EmailSkeleton
from services.delivery.messages import RecipientColumns
from services.delivery.run_repository import RunRow
from services.delivery.senders.sender import Answer, AnswerKind, Journal, Message
from services.delivery.senders.smtp import EmailAddress, SmtpSender
from services.delivery.way import all_answered
from services.email_filling import EmailFilling
from services.email_templates import CannotRender, EmailTemplate

log = structlog.get_logger()

SLICE = 50  # messages, about 1 ms; 2 where they are rendered as a whole
SLICE_BYTES = 256 * 1024  # at which a slice of long messages ends
MOST_WAITING = 1024 * 1024  # bytes of a claim's emails that are built and not answered: a pause throws them away
CANNOT_RENDER = "EMAIL_CANNOT_BE_RENDERED"
CANNOT_BUILD = "EMAIL_CANNOT_BE_BUILT"


class EmailWay:
    """A Way (see way.py)."""

    def __init__(
        self,
        *,
        run: RunRow,
        identity_run: bytes,
        content: EmailContent,
        fields: Sequence[str],
        links: RunLinks,
        public_url: str,
        accounts: AccountSenders,
    ) -> None:
        """`fields` are the names of the recipients' columns. Raises Invalid, ValueError for a content that no campaign
        could have started with."""
        self._run = run
        self._account = content.provider_account
        self._accounts = accounts
        self._from = content.from_email
        self._fields = list(fields)
        self._links = links
        self._identities = identities(run=identity_run, channel=Channel.EMAIL)
        self._template = EmailTemplate(
            subject=content.subject, html=content.html, text=content.text, path="email_content"
        )
        self._filling = EmailFilling(self._template)
        self._text, self._html = BodyPattern(self._filling.text), BodyPattern(self._filling.html)
        self._skeleton = EmailSkeleton(
            EmailHead(
                from_email=content.from_email,
                from_name=content.from_name,
                reply_to=content.reply_to,
                campaign=names.spell("campaigns", run.campaign),
                unsubscribe_url=f"{public_url}/u/",
                has_text=bool(content.text),
                has_html=bool(content.html),
            )
        )

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
        assert journal is not None, "no SMTP server honours idempotency keys"
        try:
            sender = await self._accounts.smtp(self._run, self._account)
        except AccountUnusable as problem:
            return all_answered(positions, AnswerKind.RETRY, problem.reason)
        sending = _Sending(sender, may_start, journal)
        built = self.messages(batch, recipients, positions)
        for part in _slices(built):
            await sending.begin(part)
            if sending.stopped:
                break
        answers = await sending.end()
        answered = {answer.position for answer in answers}
        rest = [position for position in positions if position not in answered]
        return answers + all_answered(rest, AnswerKind.NOT_STARTED)

    def messages(
        self, batch: int, recipients: RecipientColumns, positions: Sequence[int]
    ) -> Iterator[Message | Answer]:
        """The messages of these positions, one at a time; for one that cannot be made, its answer."""
        keys = self._identities([recipients.contact(position) for position in positions])
        columns = [recipients.field(index, positions) for index in range(len(self._fields))]
        rows = zip(*columns, strict=True) if columns else iter([()] * len(positions))
        for position, key, row in zip(positions, keys, rows, strict=True):
            yield self._message(batch, position, key, recipients.address(position), row)

    def _message(self, batch: int, position: int, key: bytes, to: str, row: tuple[str, ...]) -> Message | Answer:
        try:
            subject, text, html = self._words(dict(zip(self._fields, row, strict=True)))
            content = self._skeleton.build(
                message_id=key,
                to=to,
                subject=subject,
                text=text,
                html=html,
                unsubscribe_token=self._links.token(batch, position),
            )
        except CannotRender:
            return all_answered([position], AnswerKind.REJECTED, CANNOT_RENDER)[0]
        except ValueError:
            log.exception("an email could not be built", run=self._run.id.hex(), position=position)
            return all_answered([position], AnswerKind.REJECTED, CANNOT_BUILD)[0]
        return Message(position, key, EmailAddress(self._from, to), content)

    def _words(self, values: Mapping[str, str]) -> tuple[str, bytes, bytes]:
        """The subject, and the text and the HTML, encoded. Raises CannotRender."""
        filled = self._filling.fill(values)
        if filled is not None:
            return filled.subject, self._text.encode(filled.text), self._html.encode(filled.html)
        email = self._template.render(values)
        return email.subject, encode_body(email.text), encode_body(email.html)


class _Sending:
    """The slices of a claim that are being sent."""

    def __init__(self, sender: SmtpSender, may_start: Callable[[], bool], journal: Journal) -> None:
        self._sender = sender
        self._may_start = may_start
        self._journal = journal
        self._answers: list[Answer] = []
        self._waiting: dict[asyncio.Task[list[Answer]], int] = {}
        self.stopped = False

    async def begin(self, built: list[Message | Answer]) -> None:
        """Send these messages beside the others, once there is room."""
        self._answers += [item for item in built if isinstance(item, Answer)]
        messages = [item for item in built if isinstance(item, Message)]
        if not self._may_start():
            self.stopped = True
            return
        sent = self._sender.send(messages, may_start=self._may_start, journal=self._journal)
        self._waiting[asyncio.create_task(sent)] = sum(len(message.payload) for message in messages)
        await asyncio.sleep(0)
        while sum(self._waiting.values()) > MOST_WAITING:
            await self._collect(asyncio.FIRST_COMPLETED)

    async def end(self) -> list[Answer]:
        """All answers."""
        while self._waiting:
            await self._collect(asyncio.ALL_COMPLETED)
        return self._answers

    async def _collect(self, until: str) -> None:
        try:
            done, _ = await asyncio.wait(self._waiting, return_when=until)
        except asyncio.CancelledError:
            for task in self._waiting:
                task.cancel()
            raise
        for task in done:
            del self._waiting[task]
            self._answers += task.result()


def _slices(built: Iterator[Message | Answer]) -> Iterator[list[Message | Answer]]:
    part: list[Message | Answer] = []
    size = 0
    for item in built:
        part.append(item)
        size += len(item.payload) if isinstance(item, Message) else 0
        if len(part) == SLICE or size >= SLICE_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
