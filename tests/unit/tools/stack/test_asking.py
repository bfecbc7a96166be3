"""Probes against real sockets: who answers, who refuses, who is frozen."""

from __future__ import annotations

import socket
import threading
import time

from tools.stack.asking import ask_all
from tools.stack.probes import Probe, Question


def answering(server: socket.socket, answer: bytes) -> threading.Thread:
    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_only_the_right_answer_is_a_yes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as good, socket.create_server(("127.0.0.1", 0)) as bad:
        threads = [answering(good, b"HTTP/1.1 200 OK\r\n\r\n"), answering(bad, b"HTTP/1.1 503 No\r\n\r\n")]
        ports = {"good": good.getsockname()[1], "bad": bad.getsockname()[1]}

        answers = ask_all({name: Probe(Question.HTTP_OK, port, "/") for name, port in ports.items()}, seconds=5)

        for thread in threads:
            thread.join()
    assert answers == {"good": True, "bad": False}


def test_a_refused_connection_is_a_no_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    began = time.monotonic()
    answers = ask_all({"gone": Probe(Question.HTTP_OK, port, "/")}, seconds=5)

    assert answers == {"gone": False}
    assert time.monotonic() - began < 2


def test_a_server_that_accepts_and_says_nothing_is_not_waited_for_longer_than_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        began = time.monotonic()
        answers = ask_all({"frozen": Probe(Question.POSTGRES_ANY, frozen.getsockname()[1])}, seconds=0.2)

    assert answers == {"frozen": False}
    assert 0.1 < time.monotonic() - began < 2
