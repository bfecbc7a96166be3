"""Owns what an email address may be: one mailbox of RFC 5321 section 4.1.2, as it is kept and written on the wire.

Never asks a name server: that an address is well formed says nothing about whether anybody reads it.
"""

from __future__ import annotations

import functools
import re

import idna

from services.runtime.errors import Invalid

MAX_MAILBOX = 254  # RFC 5321 section 4.5.3.1.3, without the angle brackets
MAX_LOCAL = 64
MAX_DOMAIN = 253
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LOCAL = re.compile(rf"{ATOM}(?:\.{ATOM})*")
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"{LABEL}(?:\.{LABEL})+")
SHAPE = "An email address is one mailbox, such as anna@example.com."


def read_mailbox(text: str, path: str) -> str:
    """The address as it is kept: the local part as given, the domain in lower case and in A-labels.

    Raises Invalid for anything but one mailbox: lists, angle brackets, comments, quoted local parts, address literals.
    """
    local, at, domain = text.rpartition("@")
    problem = _local_problem(local) if at else SHAPE
    if problem:
        raise Invalid("EMAIL_INVALID", problem, field=path)
    ascii_domain = _ascii_domain(domain)
    if ascii_domain is None:
        raise Invalid("EMAIL_INVALID", "The part behind the @ is no domain name.", field=path)
    if len(local) + 1 + len(ascii_domain) > MAX_MAILBOX:
        raise Invalid("EMAIL_INVALID", f"An email address has at most {MAX_MAILBOX} characters.", field=path)
    return f"{local}@{ascii_domain}"


def _local_problem(local: str) -> str:
    if len(local) > MAX_LOCAL:
        return f"At most {MAX_LOCAL} characters stand before the @."
    if not local.isascii():
        return "Only ASCII may stand before the @: few servers take anything else (RFC 6531)."
    return "" if LOCAL.fullmatch(local) else SHAPE


@functools.lru_cache(maxsize=10_000)  # a million people have a few thousand domains
def _ascii_domain(domain: str) -> str | None:
    try:
        lower = domain.lower() if domain.isascii() else idna.encode(domain, uts46=True).decode()
        if "xn--" in lower:
            idna.decode(lower)  # an A-label that stands for nothing is none
    except (idna.IDNAError, UnicodeError):
        return None
    last = lower.rpartition(".")[2]
    return lower if len(lower) <= MAX_DOMAIN and DOMAIN.fullmatch(lower) and not last.isdigit() else None
