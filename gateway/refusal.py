"""Owns what a refused request is told, before any API's own spelling of it.

Never spells it: each API renders a refusal in its own shape (apis.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """An error: the HTTP status, a reason in UPPER_SNAKE, a sentence, the path of the field if one is at fault."""

    status: int
    reason: str
    message: str
    field: str = ""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Refusal(Exception):
    """Raised where a request is not let in."""

    def __init__(self, status: int, reason: str, message: str, *, field: str = "", **headers: str) -> None:
        super().__init__(message)
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        self.reply = Reply(status, reason, message, field, spelled)


def invalid(reason: str, message: str, *, field: str = "") -> Refusal:
    """The request can never work as it is: 400."""
    return Refusal(400, reason, message, field=field)


# What is said where Envoy itself refuses, or has nobody to ask.
PLAIN: Mapping[int, Reply] = {
    reply.status: reply
    for reply in (
        Reply(400, "REQUEST_INVALID", "The request is malformed."),
        Reply(401, "CREDENTIAL_INVALID", "Call with a valid credential."),
        Reply(403, "FORBIDDEN", "The credential is not good for this."),
        Reply(404, "NOT_FOUND", "There is nothing here."),
        Reply(405, "METHOD_NOT_ALLOWED", "This path does not take this method."),
        Reply(408, "REQUEST_TIMEOUT", "The request took too long to arrive."),
        Reply(409, "CONFLICT", "The state forbids it."),
        Reply(413, "BODY_TOO_LARGE", "A body has at most 1 MB."),
        Reply(414, "PATH_TOO_LONG", "A path has at most 8 kB."),
        Reply(415, "CONTENT_TYPE_UNSUPPORTED", "Send JSON: application/json."),
        Reply(426, "HTTP_VERSION_UNSUPPORTED", "Use HTTP/1.1 or HTTP/2."),
        Reply(429, "TOO_MANY_REQUESTS", "Too much at once; try again.", headers={"retry-after": "1"}),
        Reply(431, "HEADERS_TOO_LARGE", "The request's headers are too large."),
        Reply(500, "INTERNAL", "Something went wrong on our side."),
        Reply(501, "NOT_IMPLEMENTED", "This transfer coding is not understood."),
        Reply(502, "UNAVAILABLE", "A part is restarting; try again.", headers={"retry-after": "1"}),
        Reply(503, "UNAVAILABLE", "A part is restarting; try again.", headers={"retry-after": "1"}),
        Reply(504, "TIMEOUT", "It took too long; try again.", headers={"retry-after": "1"}),
    )
}
