"""Asking for numbers."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.analytics.v1.analytics_service_pb2 import BatchGetCampaignStatsResponse
from carillon.campaigns.v1.campaigns_pb2 import Campaign

from gateway.numbers import Numbers

State = Campaign.State


class Analytics:
    """Knows what campaigns have sent; refuses a whole batch for one that it does not know."""

    def __init__(self, sent: dict[str, int], *, problem: grpc.StatusCode = grpc.StatusCode.NOT_FOUND) -> None:
        self._sent = {f"{name}/stats": count for name, count in sent.items()}
        self._problem = problem
        self.asked: list[list[str]] = []

    async def BatchGetCampaignStats(self, request: Any) -> BatchGetCampaignStatsResponse:
        self.asked.append(list(request.names))
        if not set(request.names) <= set(self._sent):
            raise grpc.aio.AioRpcError(self._problem, grpc.aio.Metadata(), grpc.aio.Metadata())
        return BatchGetCampaignStatsResponse(stats=[CampaignStats(sent=self._sent[name]) for name in request.names])


def campaigns(**states: int) -> list[Campaign]:
    return [Campaign(name=name, state=state) for name, state in states.items()]  # type: ignore[arg-type]


async def test_what_is_not_launched_is_not_asked_for() -> None:
    analytics = Analytics({"b": 2, "d": 4})
    shown = campaigns(a=State.STATE_DRAFT, b=State.STATE_ACTIVE, c=State.STATE_SCHEDULED, d=State.STATE_COMPLETED)

    found = await Numbers(analytics).of(shown)  # type: ignore[arg-type]

    assert [numbers.sent for numbers in found] == [0, 2, 0, 4]
    assert analytics.asked == [["b/stats", "d/stats"]]


async def test_nobody_is_asked_for_drafts() -> None:
    analytics = Analytics({})

    assert [numbers.sent for numbers in await Numbers(analytics).of(campaigns(a=State.STATE_DRAFT))] == [0]  # type: ignore[arg-type]
    assert analytics.asked == []


async def test_one_that_is_gone_does_not_hide_the_others() -> None:
    shown = campaigns(a=State.STATE_ACTIVE, gone=State.STATE_CANCELLED, c=State.STATE_COMPLETED)

    found = await Numbers(Analytics({"a": 1, "c": 3})).of(shown)  # type: ignore[arg-type]

    assert [numbers.sent for numbers in found] == [1, 0, 3]


async def test_any_other_refusal_passes_through() -> None:
    analytics = Analytics({}, problem=grpc.StatusCode.UNAVAILABLE)

    with pytest.raises(grpc.aio.AioRpcError):
        await Numbers(analytics).of(campaigns(a=State.STATE_ACTIVE))  # type: ignore[arg-type]
