"""Owns what all tests share: one stack per run, one workspace per test module."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.stacks import Running, any_stack
from tools.client import Client
from tools.workspace import Workspace, make_workspace

DRAWN = re.compile(r"_[0-9A-HJKMNP-TV-Z]{20}")


def pytest_make_parametrize_id(val: object) -> str | None:
    """A test has the same name in every process that collects it, whatever its parameters were drawn like."""
    if isinstance(val, bytes):
        return f"{len(val)} bytes"
    return DRAWN.sub("_", val) if isinstance(val, str) and DRAWN.search(val) else None


@pytest.fixture(scope="session")
def stack() -> Iterator[Running]:
    """A running stack that nobody kills."""
    with any_stack() as found:
        yield found


@pytest.fixture
async def workspace(stack: Running) -> Workspace:
    """An organization of this test's own, with nobody in it."""
    return await make_workspace(stack.described, operator_key=stack.operator_key, display_name="Test")


@pytest.fixture
async def reachbell(stack: Running, workspace: Workspace) -> AsyncIterator[Client]:
    """ReachBell's API with the workspace's key."""
    async with Client(stack.described["dialects"]["reachbell"], workspace.key_header) as client:
        yield client


@pytest.fixture
async def native(stack: Running, workspace: Workspace) -> AsyncIterator[Client]:
    """The native API with the workspace's key."""
    async with Client(stack.described["native"], workspace.key_header) as client:
        yield client


@pytest.fixture
async def sandbox(stack: Running) -> AsyncIterator[Client]:
    """The outside world."""
    async with Client(stack.described["sandbox"]) as client:
        yield client
