"""Owns what a mail server's reply means for one message (RFC 5321 §4.2, RFC 3463), as tables.

Never decides what follows from it: the worker records, retries or parks.
"""

from __future__ import annotations

import enum
import re

from services.delivery.senders.sender import AnswerKind
from services.delivery.senders.smtp_wire import Reply

TOO_LARGE = "EMAIL_TOO_LARGE"
ADDRESS_INVALID = "EMAIL_ADDRESS_INVALID"
LINE_TOO_LONG = "EMAIL_LINE_TOO_LONG"
EIGHT_BIT_NOT_TAKEN = "EMAIL_8BIT_NOT_TAKEN"
MAILBOX_UNKNOWN = "EMAIL_MAILBOX_UNKNOWN"

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?: |$)")
# Of 5.1.x, 7 and 8 speak of the sender's address, not of the recipient's (RFC 3463 §3.2).
_NO_SUCH_MAILBOX = frozenset({"1.0", "1.1", "1.2", "1.3", "1.4", "1.6", "1.10", "2.1"})
_NO_SUCH_MAILBOX_CODES = frozenset({550, 551, 553})
_BY_STATUS = {
    "2.2": "EMAIL_MAILBOX_FULL",
    "2.3": TOO_LARGE,
    "3.4": TOO_LARGE,
    "7.1": "EMAIL_REFUSED_BY_POLICY",
}
_BY_CODE = {
    530: "EMAIL_AUTHENTICATION_REQUIRED",
    552: TOO_LARGE,
}


class Step(enum.Enum):
    """Which command a reply belongs to."""

    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "BODY"


def meaning(step: Step, reply: Reply) -> tuple[AnswerKind, str]:
    """Kind and reason of a reply that ends a message's attempt."""
    if reply.code < 300:
        return AnswerKind.ACCEPTED, ""
    if reply.code < 500:
        return AnswerKind.RETRY, f"EMAIL_DEFERRED_{reply.code}"
    status = _status(reply)
    if step is Step.RCPT and _says_there_is_no_mailbox(reply, status):
        return AnswerKind.RETIRED, MAILBOX_UNKNOWN
    reason = _BY_STATUS.get(status) or _BY_CODE.get(reply.code) or f"EMAIL_REFUSED_{reply.code}"
    return AnswerKind.REJECTED, reason


def _status(reply: Reply) -> str:
    """The enhanced status without its class, `1.1` of `5.1.1`; empty where there is none."""
    found = _ENHANCED.match(reply.text)
    return f"{found[2]}.{found[3]}" if found else ""


def _says_there_is_no_mailbox(reply: Reply, status: str) -> bool:
    if status:
        return status in _NO_SUCH_MAILBOX
    # Without an enhanced code 550 also says "I do not relay", which is about the account: nobody is retired for it.
    return reply.code in _NO_SUCH_MAILBOX_CODES and "relay" not in reply.text.lower()
