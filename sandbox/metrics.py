"""Owns the sandbox's metrics, in the text format of Prometheus.

Never counts: it reads what its parts have counted.
"""

from __future__ import annotations

from sandbox.ledger import Ledger
from sandbox.mail import MailProvider
from sandbox.push import PushService

HEADERS = b"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"


def text(ledger: Ledger, push: PushService, mail: MailProvider) -> bytes:
    lines = [
        "# HELP sandbox_messages Accepted calls in the ledger.",
        "# TYPE sandbox_messages gauge",
        f"sandbox_messages {len(ledger)}",
        "# HELP sandbox_repeats Accepted calls whose key had been accepted before.",
        "# TYPE sandbox_repeats gauge",
        f"sandbox_repeats {ledger.repeats}",
        "# HELP sandbox_push_answers_total Pushes by the status answered; 0 was dropped without a word.",
        "# TYPE sandbox_push_answers_total counter",
        *(f'sandbox_push_answers_total{{status="{status}"}} {count}' for status, count in sorted(push.answers.items())),
        "# HELP sandbox_mail_answers_total Emails by the reply that ended them; 0 was dropped without a word.",
        "# TYPE sandbox_mail_answers_total counter",
        *(f'sandbox_mail_answers_total{{code="{code}"}} {count}' for code, count in sorted(mail.answers.items())),
    ]
    return "".join(f"{line}\n" for line in lines).encode()
