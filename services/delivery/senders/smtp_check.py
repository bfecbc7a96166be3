"""Owns the trial of an account: everything up to where a message would be handed in, and the problem in a sentence.

Never sends a message.
"""

from __future__ import annotations

import contextlib

from services.delivery.senders.destination import Destinations
from services.delivery.senders.smtp_account import AccountProblem, SmtpAccount
from services.delivery.senders.smtp_session import PORTS, Opener, SessionError
from services.delivery.senders.smtp_wire import Reply

_SENTENCES = {
    "HOST_INVALID": "{host!r} is not a host name or an IP address.",
    "PORT_NOT_ALLOWED": f"Mail is handed in at port {', '.join(map(str, sorted(PORTS)))}, not at {{port}}.",
    "ADDRESS_NOT_PUBLIC": "{host} is not a public address, and the operator has not listed {host}:{port}.",
    "CA_CERTIFICATES_INVALID": "The CA certificates are not certificates in PEM.",
    "CLIENT_NAME_INVALID": "The client name is not a host name.",
    "NAME_NOT_RESOLVED": "No address was found for {host}.",
    "CONNECTION_REFUSED": "{host} refuses connections at port {port}.",
    "CONNECTION_TIMEOUT": "{host} did not take a connection at port {port} in time.",
    "CONNECTION_FAILED": "No connection to {host} at port {port} came about.",
    "CONNECTION_LOST": "{host} closed the connection.",
    "RESPONSE_TIMEOUT": "{host} took the connection but did not answer in time; is port {port} for TLS from the start?",
    "ANSWER_MALFORMED": "{host} does not speak SMTP at port {port}.",
    "ANSWER_TOO_LARGE": "{host} does not speak SMTP at port {port}.",
    "TLS_CERTIFICATE_MISMATCH": "The certificate of {host} is for another name.",
    "TLS_CERTIFICATE_UNTRUSTED": "The certificate of {host} is expired or not signed by anybody who is trusted.",
    "TLS_FAILED": "TLS with {host} failed; is port {port} one for STARTTLS, or without TLS?",
    "SMTP_GREETING_REFUSED": "{host} does not take mail from here.",
    "SMTP_EHLO_REFUSED": "{host} refused the greeting of this client.",
    "SMTP_STARTTLS_NOT_OFFERED": "{host} offers no STARTTLS at port {port}.",
    "SMTP_STARTTLS_REFUSED": "{host} refused STARTTLS.",
    "SMTP_AUTH_NEEDS_TLS": "A password is not sent over a line in the clear unless the account allows it.",
    "SMTP_AUTH_NOT_OFFERED": "{host} offers neither AUTH PLAIN nor AUTH LOGIN on this line.",
    "SMTP_AUTH_REFUSED": "{host} refused user name and password.",
    "SMTP_AUTH_DEFERRED": "{host} cannot check user name and password now.",
    "SMTP_NOOP_REFUSED": "{host} closed after it had taken user name and password.",
}


async def check_account(
    account: SmtpAccount,
    *,
    allowed_private_hosts: tuple[str, ...] = (),
    connect_timeout: float = 5.0,
    reply_timeout: float = 5.0,
) -> AccountProblem | None:
    """None where mail could be handed in. Never raises for what a server or a network does."""
    destinations = Destinations(frozenset(host.lower() for host in allowed_private_hosts))
    opener = Opener(account, destinations, connect_timeout=connect_timeout, reply_timeout=reply_timeout)
    try:
        dialogue = await opener.connect()
        try:
            await opener.agree(dialogue)
            reply = await dialogue.ask("NOOP")
            if not reply.is_positive:
                raise SessionError("SMTP_NOOP_REFUSED", reply=reply)
            with contextlib.suppress(SessionError):  # some hang up instead of answering
                await dialogue.ask("QUIT")
        finally:
            dialogue.wire.end("CONNECTION_CLOSED")
    except SessionError as problem:
        return _problem(account, problem)
    return None


def _problem(account: SmtpAccount, problem: SessionError) -> AccountProblem:
    sentence = _SENTENCES[problem.reason].format(host=account.host, port=account.port)
    return AccountProblem(problem.reason, sentence + _said(problem.reply))


def _said(reply: Reply | None) -> str:
    """A server's words are a stranger's: one line, in quotes, not too long."""
    if reply is None:
        return ""
    words = "".join(letter if letter.isprintable() else " " for letter in reply.text)[:200]
    return f' It said "{reply.code} {words}".'
