"""Owns what the tests of segments share: its own database, a project of its own in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.runtime.database import Database
from tests.integration.segments.audiences import Segments


@pytest.fixture
async def segments(connect: Callable[..., Database]) -> Segments:
    """An empty project."""
    return Segments(connect("segments", pool_size=6))
