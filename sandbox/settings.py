"""Owns the sandbox's settings: environment variables, read once.

Never guesses: a wrong value is named, all wrong ones at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_LISTEN = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")


class InvalidSettings(Exception):
    """Raised with one line for every wrong setting."""


@dataclass(frozen=True, slots=True)
class Settings:
    host: str  # the address to listen on
    port: int
    data: Path  # holds the ledger, the subscriptions' secret and who retired
    smtp_host: str = ""  # where mail is taken; nowhere where it is empty
    smtp_port: int = 0
    smtp_login: str = ""  # user:password that mail is taken from; from anybody where it is empty
    smtp_certificate: str = ""  # a PEM file with key and certificate: STARTTLS is offered, and AUTH only behind it


def read(environment: Mapping[str, str]) -> Settings:
    """From CARILLON_SANDBOX_LISTEN (host:port), CARILLON_SANDBOX_DATA (a directory, made where absent), and
    CARILLON_SANDBOX_SMTP_LISTEN, CARILLON_SANDBOX_SMTP_LOGIN, CARILLON_SANDBOX_SMTP_CERTIFICATE, which may be absent.
    """
    problems = []
    listen = _LISTEN.fullmatch(environment.get("CARILLON_SANDBOX_LISTEN", "127.0.0.1:8090"))
    if listen is None or not 0 <= int(listen["port"]) < 65_536:
        problems.append("CARILLON_SANDBOX_LISTEN is host:port, for instance 127.0.0.1:8090")
    data = Path(environment.get("CARILLON_SANDBOX_DATA", ""))
    if not environment.get("CARILLON_SANDBOX_DATA"):
        problems.append("CARILLON_SANDBOX_DATA is missing: a directory for the ledger")
    elif data.exists() and not data.is_dir():
        problems.append("CARILLON_SANDBOX_DATA is not a directory")
    smtp_text = environment.get("CARILLON_SANDBOX_SMTP_LISTEN", "")
    smtp = _LISTEN.fullmatch(smtp_text)
    if smtp_text and (smtp is None or int(smtp["port"]) >= 65_536):
        problems.append("CARILLON_SANDBOX_SMTP_LISTEN is host:port, for instance 127.0.0.1:2525")
    login = environment.get("CARILLON_SANDBOX_SMTP_LOGIN", "")
    if login and not all(login.partition(":")):
        problems.append("CARILLON_SANDBOX_SMTP_LOGIN is user:password")
    certificate = environment.get("CARILLON_SANDBOX_SMTP_CERTIFICATE", "")
    if certificate and not Path(certificate).is_file():
        problems.append("CARILLON_SANDBOX_SMTP_CERTIFICATE is no file")
    if problems or listen is None:
        raise InvalidSettings("\n".join(problems))
    return Settings(
        listen["host"].strip("[]"),
        int(listen["port"]),
        data,
        smtp_host=smtp["host"].strip("[]") if smtp else "",
        smtp_port=int(smtp["port"]) if smtp else 0,
        smtp_login=login,
        smtp_certificate=certificate,
    )
