"""Headers that mean something to gRPC, or nothing to anybody, change nothing for a client that speaks HTTP."""

from __future__ import annotations

import asyncio

import pytest

from tests.dialects.reachbell.raw_http import ask
from tests.stacks import Running
from tools.workspace import Workspace

HEADERS = [
    ("grpc-timeout", "1n"),
    ("grpc-timeout", "soon"),
    ("grpc-encoding", "gzip"),
    ("grpc-status", "13"),
    ("x-anything-bin", "é"),
    ("x-anything", "é"),
    ("x|any~thing", "x"),
    ("x-http-status", "204"),
    ("x-error-body", "{}"),
    ("x-carillon-identity", "forged"),
    ("x-carillon-shaped", "1"),
    ("x-http-method-override", "DELETE"),
    ("x-envoy-original-path", "/v1/projects"),
    ("content-encoding", "gzip"),
    ("last-event-id", "end-1"),
]


@pytest.mark.parametrize(("name", "value"), HEADERS)
async def test_a_header_changes_nothing(stack: Running, workspace: Workspace, name: str, value: str) -> None:
    url = stack.described["dialects"]["reachbell"]
    target = f"/campaigns/project/{workspace.project}"

    answer = await asyncio.to_thread(ask, url, "GET", target, headers={**workspace.key_header, name: value})

    assert (answer.status, answer.json["total"]) == (200, 0)
