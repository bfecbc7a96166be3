"""Owns one probe in flight without blocking: connect, ask, read as much of the answer as the verdict needs.

Never decides how long to wait: an answer that takes seconds is an answer.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial

from tools.stack.probes import Probe, request, verdict


class Inquiry:
    """Calls `done(answer)` once, unless `close` comes first; False also stands for a refused or cut connection."""

    def __init__(self, probe: Probe, selector: selectors.BaseSelector, done: Callable[[bool], None]) -> None:
        self._probe, self._selector, self._done = probe, selector, done
        self._answer = b""
        self._socket = socket.socket()
        self._socket.setblocking(False)
        refused = self._socket.connect_ex(("127.0.0.1", probe.port)) not in (0, errno.EINPROGRESS)
        selector.register(self._socket, selectors.EVENT_WRITE, self._failed if refused else self._connected)

    def close(self) -> None:
        """Give up; harmless after the end."""
        if self._socket.fileno() >= 0:
            self._selector.unregister(self._socket)
            self._socket.close()

    def _connected(self) -> None:
        try:
            self._socket.sendall(request(self._probe))  # a few dozen bytes: always fit the buffer
        except OSError:
            return self._failed()
        self._selector.modify(self._socket, selectors.EVENT_READ, self._readable)

    def _readable(self) -> None:
        try:
            chunk = self._socket.recv(256)
        except OSError:
            return self._failed()
        self._answer += chunk
        judged = verdict(self._probe.question, self._answer)
        if judged is not None or not chunk:
            self._finish(bool(judged))

    def _failed(self) -> None:
        self._finish(False)

    def _finish(self, answer: bool) -> None:
        self.close()
        self._done(answer)


def ask_all(probes: Mapping[str, Probe], *, seconds: float) -> dict[str, bool]:
    """Ask all at once and wait at most that long; whoever has not answered by then has not said yes."""
    answers = dict.fromkeys(probes, False)
    with selectors.DefaultSelector() as selector:
        inquiries = [Inquiry(probe, selector, partial(answers.__setitem__, name)) for name, probe in probes.items()]
        until = time.monotonic() + seconds
        while selector.get_map() and (left := until - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                key.data()
        for inquiry in inquiries:
            inquiry.close()
    return answers
