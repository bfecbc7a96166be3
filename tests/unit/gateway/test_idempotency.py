"""Handing on an Idempotency-Key."""

from __future__ import annotations

import pytest
from carillon.dialects.reachbell.v1.campaigns_api_pb2 import SendCampaignRequest

from gateway.idempotency import forwarded_key
from services.runtime.errors import Invalid

REQUEST = SendCampaignRequest(id="cmp_1")


class Context:
    def __init__(self, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata


def test_no_key_is_none() -> None:
    assert forwarded_key(Context(("x-request-id", "a")), REQUEST) == ()


def test_a_key_is_handed_on_as_it_is() -> None:
    key, _ = forwarded_key(Context(("idempotency-key", "a b"), ("other", "x")), REQUEST)

    assert key == ("idempotency-key", "a b")


def test_a_header_that_came_twice_is_one_value() -> None:
    key, _ = forwarded_key(Context(("idempotency-key", "a"), ("idempotency-key", "b")), REQUEST)

    assert key == ("idempotency-key", "a, b")


def test_another_request_is_handed_on_as_another() -> None:
    context = Context(("idempotency-key", "a"))

    same = forwarded_key(context, SendCampaignRequest(id="cmp_1"))
    other = forwarded_key(context, SendCampaignRequest(id="cmp_2"))

    assert same == forwarded_key(context, REQUEST)
    assert same[0] == other[0]
    assert same[1] != other[1]


@pytest.mark.parametrize("key", ["é", "a\tb", "\x7f"])
def test_what_no_header_carries_is_refused(key: str) -> None:
    with pytest.raises(Invalid) as refused:
        forwarded_key(Context(("idempotency-key", key)), REQUEST)

    assert (refused.value.reason, refused.value.field) == ("IDEMPOTENCY_KEY_INVALID", "Idempotency-Key")
