"""Owns messages as callers see them: their names, and rows written out.

Never looks anything up.
"""

from __future__ import annotations

import re

from carillon.delivery.v1 import messages_pb2 as pb
from carillon.segments.v1.segments_pb2 import CHANNEL_PUSH

from services import names
from services.delivery.domain.links import MessagePlace
from services.delivery.domain.receipts import ReceiptKind
from services.delivery.ledger import Detail
from services.delivery.message_repository import MessageRow
from services.message_states import MessageState
from services.runtime.errors import NotFound

PLACE = re.compile(r"(0|[1-9]\d{0,9})-(0|[1-9]\d{0,9})")
GREATEST = 2**31 - 1
ENDED_BY_A_CALL = {
    MessageState.SENT: "ACCEPTED",
    MessageState.FAILED: "REJECTED",
    MessageState.UNKNOWN: "UNANSWERED",
}


def write_name(project: bytes, campaign: bytes, row: MessageRow) -> str:
    """`projects/proj_…/campaigns/cmp_…/runs/run_…/messages/17-204`."""
    run = names.join(("projects", project), ("campaigns", campaign), ("runs", row.run))
    return f"{run}/messages/{row.batch}-{row.position}"


def read_name(name: str) -> tuple[str, MessagePlace]:
    """(the campaign's name, where the message stands). Raises NotFound."""
    run_name, separator, spelled = name.partition("/messages/")
    match = PLACE.fullmatch(spelled)
    if not separator or match is None or max(int(match[1]), int(match[2])) > GREATEST:
        raise NotFound("MESSAGE_NOT_FOUND", "There is no such message.", field="name")
    run = names.split(run_name, "projects", "campaigns", "runs")[2]
    assert run is not None
    return run_name.rpartition("/runs/")[0], MessagePlace(run, int(match[1]), int(match[2]))


def write_message(project: bytes, campaign: bytes, row: MessageRow) -> pb.Message:
    """A message as lists have it."""
    contact = names.join(("projects", project), ("contacts", row.contact))
    message = pb.Message(
        name=write_name(project, campaign, row),
        contact=contact,
        channel=row.channel,  # type: ignore[arg-type]  # the number is the enum's own
        state=row.state,  # type: ignore[arg-type]
        reason=row.reason,
        provider_code=row.code,
        attempt_count=row.attempts,
        repeated=row.repeated,
        final_time=row.final_at,
        next_attempt_time=row.due_at,
    )
    if row.channel == CHANNEL_PUSH:
        message.endpoint = f"{contact}/pushSubscriptions/{names.spell('pushSubscriptions', row.endpoint)}"
    if row.retried_by:
        message.retried_by = names.join(("projects", project), ("campaigns", campaign), ("runs", row.retried_by))
    return message


def write_detail(project: bytes, campaign: bytes, detail: Detail) -> pb.Message:
    """A message with its history."""
    message = write_message(project, campaign, detail.row)
    message.address = detail.address
    for row in detail.attempts:
        message.attempts.add(
            number=row["attempt"],
            outcome=row["kind"].upper(),
            reason=row["reason"],
            provider_code=row["code"],
            time=row["at"],
        )
    _add_last_attempt(message, detail.row)
    for row in detail.receipts:
        message.receipts.add(kind=ReceiptKind(row["kind"]).name, action=row["action"], time=row["at"])
    return message


def _add_last_attempt(message: pb.Message, row: MessageRow) -> None:
    """The attempt that ended it is told by how it ended; what ended without a call had none."""
    outcome = ENDED_BY_A_CALL.get(MessageState(row.state))
    told = max((attempt.number for attempt in message.attempts), default=0)
    if outcome is not None and row.attempts > told:
        message.attempts.add(
            number=row.attempts, outcome=outcome, reason=row.reason, provider_code=row.code, time=row.final_at
        )
