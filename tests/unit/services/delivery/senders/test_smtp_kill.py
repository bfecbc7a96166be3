"""A process that is killed while it mails leaves a journal that tells who got what, but for one per connection."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from services.delivery.journal import read_trail
from services.delivery.senders.sender import AnswerKind
from tests.unit.sandbox.outside import Outside

pytestmark = pytest.mark.timeout(60)

COUNT, CONNECTIONS = 20_000, 8


async def test_after_a_kill_the_journal_and_the_server_agree_but_for_one_message_per_connection(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with Outside(tmp_path / "outside") as outside:
        mailer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.unit.services.delivery.senders.killed_mailer"),
            *(str(outside.smtp_port), str(journal), str(COUNT), str(CONNECTIONS)),
        )
        while not journal.exists() or journal.stat().st_size < 40_000:
            await asyncio.sleep(0.01)
        mailer.kill()
        assert await mailer.wait() == -signal.SIGKILL
        await asyncio.sleep(0.3)  # what was in the sockets' buffers arrives
        delivered = [int(str(line["to"]).split("@")[0][1:]) for line in await outside.lines("/messages")]

    trail = read_trail(journal.read_bytes())
    attempted = set(trail.answers)
    answered = {at for at, answer in trail.answers.items() if answer.kind is AnswerKind.ACCEPTED}
    assert trail.whole
    assert len(delivered) == len(set(delivered))
    assert 0 < len(delivered) < COUNT
    assert answered <= set(delivered) <= attempted
    assert len(attempted - answered) <= CONNECTIONS
