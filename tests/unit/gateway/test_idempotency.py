"""Handing on an Idempotency-Key."""

from __future__ import annotations

import pytest

from gateway.idempotency import forwarded_key
from services.runtime.errors import Invalid


class Context:
    def __init__(self, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata


def test_no_key_is_none() -> None:
    assert forwarded_key(Context(("x-request-id", "a"))) == ()


def test_a_key_is_handed_on_as_it_is() -> None:
    assert forwarded_key(Context(("idempotency-key", "a b"), ("other", "x"))) == (("idempotency-key", "a b"),)


def test_a_header_that_came_twice_is_one_value() -> None:
    assert forwarded_key(Context(("idempotency-key", "a"), ("idempotency-key", "b"))) == (("idempotency-key", "a, b"),)


@pytest.mark.parametrize("key", ["é", "a\tb", "\x7f"])
def test_what_no_header_carries_is_refused(key: str) -> None:
    with pytest.raises(Invalid) as refused:
        forwarded_key(Context(("idempotency-key", key)))

    assert (refused.value.reason, refused.value.field) == ("IDEMPOTENCY_KEY_INVALID", "Idempotency-Key")
