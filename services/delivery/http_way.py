"""Owns how a run's messages go to a project's own endpoint: each recipient's JSON, built column by column.

Never calls: the sender does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring

from carillon.campaigns.v1.campaigns_pb2 import HttpContent

from services import names
from services.delivery.account_senders import AccountSenders, AccountUnusable
from services.delivery.domain.channels import Channel
from services.delivery.domain.message_identity import identities, spell_message_ids
from services.delivery.messages import RecipientColumns
from services.delivery.run_repository import RunRow
from services.delivery.senders.http_batch import HttpBatchSender
from services.delivery.senders.sender import Answer, AnswerKind, Journal, Message
from services.delivery.way import all_answered
from services.field_names import field_name


class HttpWay:
    """A Way (see way.py)."""

    def __init__(
        self, *, run: RunRow, identity_run: bytes, content: HttpContent, fields: Sequence[str], accounts: AccountSenders
    ) -> None:
        """`fields` are the names of the recipients' columns."""
        self._run = run
        self._account = content.provider_account
        self._accounts = accounts
        self._identities = identities(run=identity_run, channel=Channel.HTTP)
        self._head = _head(run, content)
        columns = {name: index for index, name in enumerate(fields)}
        wanted = {name: columns[field_name(name)] for name in content.contact_fields if field_name(name) in columns}
        self._columns = list(wanted.values())
        members = ",".join(json.dumps(name, ensure_ascii=False).replace("%", "%%") + ":%s" for name in wanted)
        self._recipient = '{"key":"%s","to":%s,"fields":{' + members + "}}"

    async def send(
        self,
        batch: int,
        recipients: RecipientColumns,
        positions: Sequence[int],
        *,
        may_start: Callable[[], bool],
        journal: Journal | None,
    ) -> list[Answer]:
        """The endpoint knows the recipients' keys, so no journal is needed."""
        try:
            endpoint, recipients_per_call = await self._accounts.endpoint(self._run, self._account)
        except AccountUnusable as problem:
            return all_answered(positions, AnswerKind.RETRY, problem.reason)
        sender = HttpBatchSender(endpoint, head=self._head, recipients_per_call=recipients_per_call)
        return await sender.send(self.messages(recipients, positions), may_start=may_start)

    def messages(self, recipients: RecipientColumns, positions: Sequence[int]) -> list[Message]:
        """The messages of these positions."""
        keys = self._identities([recipients.contact(position) for position in positions])
        addresses = map(encode_basestring, map(recipients.address, positions))
        columns = [map(encode_basestring, recipients.field(column, positions)) for column in self._columns]
        payloads = map(self._recipient.__mod__, zip(spell_message_ids(keys), addresses, *columns, strict=True))
        return [
            Message(position, key, None, payload.encode())
            for position, key, payload in zip(positions, keys, payloads, strict=True)
        ]


def _head(run: RunRow, content: HttpContent) -> bytes:
    """A call's body up to its recipients."""
    campaign, spelled_run = names.spell("campaigns", run.campaign), names.spell("runs", run.id)
    said = json.dumps(json.loads(content.content or "{}"), ensure_ascii=False, separators=(",", ":"))
    return f'{{"campaign":"{campaign}","run":"{spelled_run}","content":{said},"recipients":['.encode()
