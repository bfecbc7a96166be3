"""What counts as an answer, byte by byte; a probe that took anything for yes would watch nothing."""

from __future__ import annotations

import struct

import pytest

from tools.stack.probes import Probe, Question, request, verdict

SASL = b"R\x00\x00\x00\x17\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00"
STARTING_UP = b"E\x00\x00\x00\x62SFATAL\x00"
VERSIONS = struct.pack(">iih", 6, 1, 0)
TWO_BROKERS, NO_BROKER = struct.pack(">iii", 60, 1, 2), struct.pack(">iii", 16, 1, 0)

CASES = [
    (Question.HTTP_OK, b"HTTP/1.1 200 OK\r\n", True),
    (Question.HTTP_OK, b"HTTP/1.1 503 Service Unavailable\r\n", False),
    (Question.HTTP_OK, b"HTTP/1.1 2", None),
    (Question.HTTP_ANY, b"HTTP/1.1 503 Service Unavailable\r\n", True),
    (Question.HTTP_ANY, b"SSH-2.0-OpenSSH_9\r\n", False),
    (Question.HTTP_ANY, b"", None),
    (Question.KAFKA_VERSIONS, VERSIONS, True),
    (Question.KAFKA_VERSIONS, VERSIONS[:4], None),
    (Question.KAFKA_BROKERS, TWO_BROKERS, True),
    (Question.KAFKA_BROKERS, NO_BROKER, False),
    (Question.KAFKA_BROKERS, TWO_BROKERS[:11], None),
    (Question.POSTGRES_ANY, SASL, True),
    (Question.POSTGRES_ANY, STARTING_UP, True),
    (Question.POSTGRES_ANY, b"H", False),
    (Question.POSTGRES_ANY, b"", None),
    (Question.POSTGRES_LOGIN, SASL, True),
    (Question.POSTGRES_LOGIN, STARTING_UP, False),
    (Question.POSTGRES_LOGIN, b"", None),
]


@pytest.mark.parametrize(("question", "answer", "expected"), CASES)
def test_an_answer_is_yes_no_or_not_yet_enough(question: Question, answer: bytes, expected: bool | None) -> None:
    assert verdict(question, answer) is expected


def test_every_question_has_a_yes_a_no_or_a_wait_among_the_cases() -> None:
    assert {question for question, _, _ in CASES} == set(Question)


def test_an_http_probe_asks_for_its_path_and_for_the_end_of_the_connection() -> None:
    asked = request(Probe(Question.HTTP_OK, 80, "/live"))

    assert asked.startswith(b"GET /live HTTP/1.1\r\n")
    assert b"\r\nConnection: close\r\n" in asked
    assert asked.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("question", [Question.KAFKA_VERSIONS, Question.KAFKA_BROKERS])
def test_a_kafka_request_says_its_own_length(question: Question) -> None:
    asked = request(Probe(question, 9092))

    assert struct.unpack(">i", asked[:4])[0] == len(asked) - 4


def test_a_postgres_startup_message_says_its_own_length_and_protocol_3() -> None:
    asked = request(Probe(Question.POSTGRES_ANY, 5432))

    assert struct.unpack(">ii", asked[:8]) == (len(asked), 3 << 16)
