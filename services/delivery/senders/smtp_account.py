"""Owns what an SMTP account is: where mail is handed in, how the line is secured, who we are there.

Never opens a connection.
"""

from __future__ import annotations

import enum
import functools
import ssl
from dataclasses import dataclass, field
from typing import NamedTuple


class Security(enum.Enum):
    """How the connection is secured."""

    PLAIN = "plain"  # not at all
    STARTTLS = "starttls"  # in the clear until both turn to TLS (RFC 3207); without it nothing is said
    IMPLICIT = "implicit"  # TLS from the first byte (RFC 8314)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpAccount:
    """One account; two that are equal share their connections."""

    host: str
    port: int
    security: Security = Security.STARTTLS
    username: str = ""  # empty: without AUTH
    password: str = field(default="", repr=False)
    allow_plaintext_auth: bool = False  # AUTH although the line is in the clear
    connections: int = 10  # at most, opened on demand
    ca_certificates: str = ""  # PEM; whom to trust instead of whom this machine trusts
    client_name: str = ""  # what EHLO says; empty: this machine's name


class EmailAddress(NamedTuple):
    """Message.address of an email: the envelope, two plain mailboxes like `ann@example.com`."""

    mail_from: str
    recipient: str


@dataclass(frozen=True, slots=True)
class AccountProblem:
    """Why an account cannot be used: UPPER_SNAKE, and a sentence for whoever set it up."""

    reason: str
    message: str


@functools.lru_cache(maxsize=256)
def trust_of(ca_certificates: str) -> ssl.SSLContext:
    """Certificates and host names are verified. Raises ssl.SSLError, ValueError where the PEM is none."""
    return ssl.create_default_context(cadata=ca_certificates or None)
