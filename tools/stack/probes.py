"""Owns the questions by which a part is asked whether it lives or is ready, and how its answer is read.

Pure: no socket here, and no import that costs memory, since the liveness listener is built on it.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass


class Question(enum.StrEnum):
    """What is asked, and what counts as yes."""

    HTTP_OK = "http_ok"  # 200
    HTTP_ANY = "http_any"  # any status: an Envoy that drains lives
    KAFKA_VERSIONS = "kafka_versions"  # any answer to ApiVersions
    KAFKA_BROKERS = "kafka_brokers"  # the metadata lists a broker that is not fenced
    POSTGRES_ANY = "postgres_any"  # also "the database system is starting up"
    POSTGRES_LOGIN = "postgres_login"  # it asks for a password


@dataclass(frozen=True)
class Probe:
    """One question to one port of 127.0.0.1; `path` is for HTTP only."""

    question: Question
    port: int
    path: str = ""


def request(probe: Probe) -> bytes:
    """The bytes to send after connecting."""
    match probe.question:
        case Question.HTTP_OK | Question.HTTP_ANY:
            return f"GET {probe.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        case Question.KAFKA_VERSIONS:
            return _kafka(api_key=18, version=0, body=b"")
        case Question.KAFKA_BROKERS:
            return _kafka(api_key=3, version=1, body=struct.pack(">i", 0))  # of no topic
        case _:
            return _postgres_startup()


def _kafka(*, api_key: int, version: int, body: bytes) -> bytes:
    # Header version 1: api, version, correlation id, client id (none).
    payload = struct.pack(">hhih", api_key, version, 1, -1) + body
    return struct.pack(">i", len(payload)) + payload


def _postgres_startup() -> bytes:
    # Protocol 3.0. The password is never given: that it is asked for is the answer.
    payload = struct.pack(">i", 196608) + b"user\0postgres\0database\0postgres\0\0"
    return struct.pack(">i", len(payload) + 4) + payload


def verdict(question: Question, answer: bytes) -> bool | None:
    """True or False once `answer` is long enough to tell, None before."""
    match question:
        case Question.HTTP_OK:
            return answer[9:12] == b"200" if len(answer) >= 12 else None
        case Question.HTTP_ANY:
            return answer.startswith(b"HTTP/") if len(answer) >= 12 else None
        case Question.KAFKA_VERSIONS:
            return True if len(answer) >= 10 else None
        case Question.KAFKA_BROKERS:
            # Size, correlation id, then the brokers' array.
            return struct.unpack(">i", answer[8:12])[0] > 0 if len(answer) >= 12 else None
        case Question.POSTGRES_ANY:
            return answer[:1] in (b"R", b"E") if answer else None
        case Question.POSTGRES_LOGIN:
            return answer[:1] == b"R" if answer else None
