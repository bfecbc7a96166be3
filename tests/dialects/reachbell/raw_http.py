"""Owns sending a request byte for byte as it is written: no client that tidies paths or bodies stands between."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class RawAnswer:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


def ask(url: str, method: str, target: str, *, headers: Mapping[str, str], body: bytes = b"") -> RawAnswer:
    """Send this; `target` is path and query."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value.encode())
    if body or method not in ("GET", "HEAD"):
        connection.putheader("content-length", str(len(body)))
    connection.endheaders(body or None)
    answer = connection.getresponse()
    told = {name.lower(): value for name, value in answer.getheaders()}
    read = RawAnswer(answer.status, told, answer.read())
    connection.close()
    return read
