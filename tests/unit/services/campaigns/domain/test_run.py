"""A run as campaigns sees it: an estimate, then exact, then final."""

from __future__ import annotations

import pytest
from carillon.campaigns.v1.campaigns_pb2 import Run as RunMessage

from services.campaigns.domain.run import RUN_ENDED, RunState
from tests.unit.services.campaigns.domain.builders import LATER, a_run


def test_the_states_are_those_of_the_contract() -> None:
    written = {name.removeprefix("STATE_"): number for name, number in RunMessage.State.items() if number}

    assert {state.name: int(state) for state in RunState} == written


def test_an_estimate_becomes_exact_when_the_audience_is_frozen() -> None:
    run = a_run(message_count=10, contact_count=9)

    run.freeze(messages=8, contacts=7, failure_reason="")

    assert (run.state, run.message_count, run.contact_count, run.queued) == (RunState.SENDING, 8, 7, 8)


@pytest.mark.parametrize("state", RUN_ENDED, ids=lambda state: state.name)
def test_an_ended_run_is_no_longer_open(state: RunState) -> None:
    run = a_run(state=RunState.SENDING)

    run.end(state=state, messages=8, queued=6, at=LATER)

    assert not run.is_open
    assert (run.state, run.message_count, run.queued, run.ended_at) == (state, 8, 6, LATER)


def test_a_run_whose_audience_could_not_be_resolved_has_failed_however_it_ended() -> None:
    run = a_run()

    run.freeze(messages=0, contacts=0, failure_reason="SEGMENT_NOT_FOUND")
    run.end(state=RunState.COMPLETED, messages=0, queued=0, at=LATER)

    assert run.state is RunState.FAILED
