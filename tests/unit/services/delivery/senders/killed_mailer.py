"""A process that mails until it is killed: `python -m …killed_mailer PORT JOURNAL COUNT CONNECTIONS`."""

from __future__ import annotations

import sys
from pathlib import Path

import uvloop

from services.delivery.journal import AttemptJournal
from services.delivery.senders.smtp import Security, SmtpAccount, SmtpSender
from tests.unit.services.delivery.senders.mail_server import always, emails


async def _mail(port: int, journal: AttemptJournal, *, count: int, connections: int) -> None:
    account = SmtpAccount(host="127.0.0.1", port=port, security=Security.PLAIN, connections=connections)
    sender = SmtpSender(account, allowed_private_hosts=(f"127.0.0.1:{port}",))
    await sender.send(emails(count), may_start=always, journal=journal)
    await sender.close()


if __name__ == "__main__":
    port, path, count, connections = sys.argv[1:]
    uvloop.run(_mail(int(port), AttemptJournal(Path(path)), count=int(count), connections=int(connections)))
