"""What was read before somebody else changed it is never stored over the change."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from services.campaigns.domain.campaign import State
from services.runtime.errors import Conflict
from tests.integration.campaigns.operators import TEN, Operators


async def test_a_start_does_not_launch_what_it_read_before_a_newer_definition_was_scheduled(
    operators: Operators,
) -> None:
    read = await operators.create()
    later = operators.clock.now() + datetime.timedelta(days=1)
    newer = dataclasses.replace(read.definition, display_name="Newer", start_at=later)
    await operators.use_cases.update(caller=operators.caller, read=read, definition=newer, ready=TEN)

    with pytest.raises(Conflict) as refused:
        await operators.use_cases.start(caller=operators.caller, read=read, definition=read.definition, ready=TEN)

    assert refused.value.reason == "CAMPAIGN_CHANGED"
    stored = await operators.row(read)
    assert (stored.state, stored.definition.display_name) == (State.SCHEDULED, "Newer")
