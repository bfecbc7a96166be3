"""Owns carrying faults out on a running stack. Never decides which or when: the schedule does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg

from tests.chaos.schedule import Fault, Kind
from tests.stacks import running
from tools.client import Client
from tools.stack.errors import StackError
from tools.stack.stack import Stack

PATIENCE = 30.0  # seconds, for what is just starting again
START_SECONDS = 8.0  # so long a start may take before it is killed all the same
WORK_SECONDS = 0.7  # so long a process works after a start that had to be waited for


class Disturber:
    """Does to one stack what it is told; the provider waits `delay_ms` before every answer."""

    def __init__(self, stack: Stack, *, delay_ms: int, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._described = running(stack).described
        self._delay_ms = delay_ms
        self._trouble: Mapping[str, Any] = {}
        self._say = say
        self._later: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """The provider as it usually is."""
        await self._set_provider()

    async def be_slow(self, delay_ms: int) -> None:
        """From now on the provider waits so long before every answer."""
        self._delay_ms = delay_ms
        await self._set_provider()

    async def carry_out(self, fault: Fault) -> None:
        """Return when it has hit."""
        match fault.kind:
            case Kind.KILL:
                await self._let_it_work(fault.target)
                await self._signal(fault.target, signal.SIGKILL)
            case Kind.BROKER:
                await self._signal("kafka", signal.SIGKILL)
            case Kind.DATABASE:
                await self._signal("postgres", signal.SIGQUIT)  # "immediate": no checkpoint, no farewell
            case Kind.FREEZE:
                pid = await self._signal(fault.target, signal.SIGSTOP)
                self._after(fault.seconds, lambda: self._thaw(fault.target, pid))
            case Kind.DISCONNECT:
                await self._drop_connections(fault.target)
            case Kind.WIPE:
                await asyncio.to_thread(self._stack.wipe_kafka)
            case Kind.PROVIDER:
                await self._trouble_provider(fault.settings)
                self._after(fault.seconds, lambda: self._trouble_provider({}))
        self._say(str(fault))

    async def end(self) -> None:
        """Nothing goes wrong any more; returns when every process is there again."""
        for task in self._later:
            task.cancel()
        for program in self._stack.processes():
            await self._thaw(program.name, program.pid)
        async with Client(self._described["sandbox"]) as sandbox:
            await sandbox.call("DELETE", "/faults")

    async def _let_it_work(self, program: str) -> None:
        """Else on a busy machine nothing but starts is killed, and what never works cannot fail."""
        began = time.monotonic()
        with contextlib.suppress(StackError):
            await asyncio.to_thread(self._stack.wait_until_ready, program, seconds=START_SECONDS)
        if time.monotonic() - began > 0.5:
            await asyncio.sleep(WORK_SECONDS)

    async def _signal(self, program: str, number: int) -> int:
        """Send it to the program, once it runs; its pid."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if pids := await asyncio.to_thread(self._stack.kill, program, number):
                return pids[0]
            await asyncio.sleep(0.1)
        raise AssertionError(f"{program} did not come back within {PATIENCE:.0f} s")

    async def _thaw(self, program: str, pid: int) -> None:
        if pid and pid in await asyncio.to_thread(self._stack.pids, program):
            with contextlib.suppress(ProcessLookupError):  # the supervisor was quicker
                os.kill(pid, signal.SIGCONT)

    async def _drop_connections(self, role: str) -> None:
        """All of one service's, as a network or a firewall would."""
        try:
            connection = await asyncpg.connect(self._described["postgres"], timeout=5)
        except (OSError, asyncpg.PostgresError):
            return  # it restarts just now: they are dropped
        try:
            await connection.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", role)
        finally:
            await connection.close()

    async def _trouble_provider(self, settings: Mapping[str, Any]) -> None:
        self._trouble = settings
        await self._set_provider()

    async def _set_provider(self) -> None:
        async with Client(self._described["sandbox"]) as sandbox:
            await sandbox.call("PUT", "/faults", {"delay_ms": self._delay_ms, **self._trouble})

    def _after(self, seconds: float, work: Callable[[], Any]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            await work()

        task = asyncio.create_task(wait())
        self._later.add(task)
        task.add_done_callback(self._later.discard)
