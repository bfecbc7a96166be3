"""Owns where tests get a stack from: a running one that the environment names, containers, or the embedded one.

CARILLON_STACK is the path of a running stack's stack.json. Tests that kill things always start a stack of their own.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.stack.layout import REPOSITORY
from tools.stack.secrets import load_or_create
from tools.stack.stack import Stack


@dataclass(frozen=True)
class Running:
    """What a test needs to know of a stack: its stack.json, the operator's key, where its logs are if on this disk."""

    described: dict[str, Any]
    operator_key: str
    logs: Path | None = None


@contextmanager
def own_stack(*, delivery_processes: int = 1) -> Iterator[Stack]:
    """An embedded stack that nobody else uses, removed afterwards; its logs are shown if the test fails."""
    with tempfile.TemporaryDirectory(prefix="carillon-", ignore_cleanup_errors=True) as folder:
        stack = Stack(directory=Path(folder) / "stack", delivery_processes=delivery_processes)
        stack.up()
        try:
            yield stack
        finally:
            _keep_logs(stack)
            stack.remove()


def running(stack: Stack) -> Running:
    """What is to be known of an embedded stack."""
    described = stack.description()
    assert described is not None
    operator_key = load_or_create(stack.layout.secrets).operator_key
    return Running(described=described, operator_key=operator_key, logs=stack.layout.logs)


@contextmanager
def any_stack() -> Iterator[Running]:
    """The stack of the environment, or of containers where an engine answers, or an embedded one."""
    if path := os.environ.get("CARILLON_STACK"):
        described = json.loads(Path(path).read_text())
        stack = Stack(directory=Path(path).parent)
        yield Running(described, load_or_create(stack.layout.secrets).operator_key, stack.layout.logs)
    elif _engine_answers():
        yield from _containers()
    else:
        with own_stack() as stack:
            yield running(stack)


def _engine_answers() -> bool:
    if os.environ.get("CARILLON_TESTS_EMBEDDED"):
        return False
    try:
        import docker  # comes with testcontainers

        docker.from_env(timeout=2).ping()
    except Exception:  # whatever it is, there is no engine for us
        return False
    return (REPOSITORY / ".env").exists()  # the compose file takes its secrets from there


def _containers() -> Iterator[Running]:
    from dotenv import dotenv_values
    from testcontainers.compose import DockerCompose

    with DockerCompose(str(REPOSITORY), profiles=["sandbox"], build=True, wait=True):
        described = {
            "native": "http://127.0.0.1:8080",
            "grpc": "127.0.0.1:8080",
            "public": "http://127.0.0.1:8088",
            "dialects": {"reachbell": "http://127.0.0.1:8081"},
            "sandbox": "http://127.0.0.1:8090",
            "smtp": "127.0.0.1:2525",
        }
        operator_key = dotenv_values(REPOSITORY / ".env")["CARILLON_OPERATOR_KEY"]
        yield Running(described=described, operator_key=str(operator_key))


def _keep_logs(stack: Stack) -> None:
    """Copy the logs to where CI and people look for them."""
    target = REPOSITORY / ".cache" / "test-logs" / stack.layout.directory.parent.name
    target.mkdir(parents=True, exist_ok=True)
    for log in stack.layout.logs.glob("*.log"):
        (target / log.name).write_bytes(log.read_bytes()[-2_000_000:])
