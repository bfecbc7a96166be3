"""Owns the mail provider: takes emails as a mail server does, notes them in the ledger, answers.

Never delivers and never honours a key: a second copy is a second delivery, and is marked as repeated.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter

from sandbox.delays import later
from sandbox.faults import Dice, Fate
from sandbox.ledger import Ledger
from sandbox.smtp_server import Mail, SmtpConnection
from sandbox.subscriptions import Subscriptions

CHANNEL = 2
# Begins with one plain byte, for which memory is searched; `^` would be tried at every byte.
_MESSAGE_ID = re.compile(rb"\n(?i:message-id):[ \t]*<([^@>\s]{1,200})@")
_MAX_NAMED = 2_000  # characters of the recipients in a ledger line


class MailProvider:
    """What one turn of the event loop accepts is one write to the ledger, made before any of it is answered.

    Fates in SMTP's words: `failed` is 421 to MAIL, `throttled` 450 to RCPT, `gone` 550 5.1.1 to RCPT now and for good,
    `rejected` 554 to the body. A message's instant is when its body was whole.
    """

    def __init__(self, subscriptions: Subscriptions, ledger: Ledger, dice: Dice) -> None:
        self._retired = subscriptions
        self._ledger = ledger
        self._dice = dice
        self._accepted: list[tuple[SmtpConnection, Fate]] = []
        self.answers: Counter[int] = Counter()  # messages by the reply that ended them; 0 are the dropped ones

    def refuse_mail(self, mail: Mail) -> bytes:
        mail.fate = self._dice.draw()
        if mail.fate is Fate.FAILED:
            return self._refusal(421, b"4.3.2 out of order")
        return b""

    def refuse_recipient(self, mail: Mail, recipient: str) -> bytes:
        if mail.fate is Fate.THROTTLED:
            return self._refusal(450, b"4.7.1 slow down")
        if mail.fate is Fate.GONE:
            self._retired.retire(recipient)
        if self._retired.is_retired(recipient):
            return self._refusal(550, b"5.1.1 nobody of that name is here")
        return b""

    def receive(self, mail: Mail, connection: SmtpConnection) -> None:
        fate, body = mail.fate, mail.body
        if fate is Fate.LOST_REQUEST:
            return self._drop(connection)
        if fate is Fate.REJECTED:
            return later(self._dice.faults.delay_ms, connection.reply, self._refusal(554, b"5.7.1 refused for good"))
        found = _MESSAGE_ID.search(b"\n" + body[: max(body.find(b"\r\n\r\n"), 0)])
        self._ledger.append(
            channel=CHANNEL,
            at=int(time.time() * 1000),
            to=", ".join(mail.recipients)[:_MAX_NAMED],
            key=found[1].decode("ascii", "replace") if found else "",
            body=body,
        )
        if not self._accepted:
            asyncio.get_running_loop().call_soon(self._flush)
        self._accepted.append((connection, fate))

    def _flush(self) -> None:
        accepted, self._accepted = self._accepted, []
        try:
            self._ledger.flush()
        except OSError:
            for connection, _ in accepted:
                refusal = self._refusal(452, b"4.3.1 the ledger cannot be written")
                later(self._dice.faults.delay_ms, connection.reply, refusal)
            return
        for connection, fate in accepted:
            if fate is Fate.LOST_ANSWER:
                self._drop(connection)
            else:
                self.answers[250] += 1
                later(self._dice.faults.delay_ms, connection.reply, b"250 2.0.0 kept")

    def _refusal(self, code: int, words: bytes) -> bytes:
        self.answers[code] += 1
        return b"%d %b" % (code, words)

    def _drop(self, connection: SmtpConnection) -> None:
        self.answers[0] += 1
        later(self._dice.faults.delay_ms, connection.drop)
