"""Page sizes and tokens."""

from __future__ import annotations

import pytest

from services.runtime.errors import Invalid
from services.segments.grpc_api import read_page_size, read_page_token, write_page_token


def test_a_token_leads_behind_the_id_it_was_made_of() -> None:
    assert read_page_token(write_page_token(b"0123456789ab")) == b"0123456789ab"
    assert read_page_token("") == b""


@pytest.mark.parametrize("token", ["x", "eA==", "????????????????", "é"])
def test_what_is_no_token_of_ours_is_refused(token: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_page_token(token)

    assert caught.value.field == "page_token"


@pytest.mark.parametrize(("asked", "given"), [(0, 100), (7, 7), (1000, 1000), (5000, 1000)])
def test_a_page_has_as_many_as_asked_up_to_a_thousand(asked: int, given: int) -> None:
    assert read_page_size(asked) == given


def test_a_negative_page_size_is_refused() -> None:
    with pytest.raises(Invalid):
        read_page_size(-1)
