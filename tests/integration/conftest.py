"""Owns the servers of these tests: one PostgreSQL and one Kafka per session, migrated, used by no service."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from sqlalchemy.engine import make_url

from services.runtime import background
from services.runtime.database import Database
from tests.integration.wire import Wire
from tools.migrate import MIGRATIONS, ROOT, MigrateSettings, make_roles, upgrade
from tools.stack.secrets import load_or_create
from tools.stack.stack import Stack


@dataclass(frozen=True)
class Servers:
    """Where PostgreSQL and Kafka are, and who may do what."""

    settings: MigrateSettings
    kafka: str  # host:port

    def url(self, role: str, *, port: int | None = None) -> str:
        """The database as a service sees it; `port` is where a wire to it begins."""
        url = make_url(self.settings.admin_database_url).set(username=role, password=self._password(role))
        return url.set(port=port or url.port).render_as_string(hide_password=False)

    def _password(self, role: str) -> str:
        password: str = getattr(self.settings, f"{role}_password")
        return password

    def admin_dsn(self) -> str:
        """The database as its superuser sees it, for asyncpg."""
        return make_url(self.settings.admin_database_url).set(drivername="postgresql").render_as_string(False)


def migrated_roles() -> list[str]:
    """The roles whose migrations are written."""
    return [role for role, folder in MIGRATIONS.items() if list((ROOT / folder / "versions").glob("*.py"))]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """A stack of nothing but the two servers."""
    with tempfile.TemporaryDirectory(prefix="carillon-", ignore_cleanup_errors=True) as folder:
        stack = Stack(directory=Path(folder) / "stack", only=("postgres", "kafka"))
        stack.up()
        try:
            described, secrets = stack.description(), load_or_create(stack.layout.secrets)
            assert described is not None
            settings = MigrateSettings(
                admin_database_url=described["postgres"].replace("postgresql://", "postgresql+asyncpg://"),
                **{f"{role}_password": password for role, password in secrets.role_passwords.items()},
            )
            asyncio.run(make_roles(settings))
            for role in migrated_roles():
                upgrade(settings, role)
            yield Servers(settings=settings, kafka=described["kafka"])
        finally:
            stack.remove()


@pytest.fixture(autouse=True)
def plain_logs() -> None:
    """What the product logs is shown where a test fails, plainly."""
    renderer = structlog.processors.KeyValueRenderer(key_order=["event"])
    structlog.configure(processors=[structlog.processors.format_exc_info, renderer])


@pytest.fixture(autouse=True)
def background_failures(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Whatever would have stopped the process fails the test instead."""
    signals: list[int] = []
    monkeypatch.setattr(
        background, "os", SimpleNamespace(getpid=os.getpid, kill=lambda _, number: signals.append(number))
    )
    yield signals
    assert signals == [], "a background task failed"


@pytest.fixture
async def wire(servers: Servers) -> AsyncIterator[Wire]:
    """A wire to PostgreSQL that can be cut."""
    url = make_url(servers.settings.admin_database_url)
    async with Wire(f"{url.host}:{url.port}") as wire:
        yield wire


@pytest.fixture
async def connect(servers: Servers) -> AsyncIterator[Callable[..., Database]]:
    """Open databases as a role, over a wire where one is given; they are closed after the test."""
    opened: list[Database] = []

    def open_database(role: str, *, wire: Wire | None = None, **settings: Any) -> Database:
        opened.append(Database(servers.url(role, port=wire.port if wire else None), process="test", **settings))
        return opened[-1]

    yield open_database
    for database in opened:
        await database.close()
