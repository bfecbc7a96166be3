"""Who can make a link, and who can tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.domain.links import UNSUBSCRIBING, Links, MessagePlace

SECRET = bytes(range(32))
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
links = Links(SECRET)

runs = st.binary(min_size=12, max_size=12)
batches = st.integers(0, 2**31 - 1)
positions = st.integers(0, 2**16 - 1)
tokens = st.builds(lambda run, batch, position: made(run, batch, position), runs, batches, positions)


def made(run: bytes, batch: int, position: int) -> str:
    return links.of_run(run).token(batch, position).decode()


@given(runs, batches, positions)
def test_a_link_names_its_message(run: bytes, batch: int, position: int) -> None:
    token = made(run, batch, position)

    assert len(token) == 40
    assert links.read(token) == MessagePlace(run, batch, position)


@given(tokens, st.integers(0, 39), st.sampled_from(DIGITS))
def test_a_link_with_another_character_is_none(token: str, place: int, digit: str) -> None:
    altered = token[:place] + digit + token[place + 1 :]

    assert altered == token or links.read(altered) is None


@given(tokens, st.integers(0, 39))
def test_a_truncated_link_is_none(token: str, size: int) -> None:
    assert links.read(token[:size]) is None


@given(st.text(max_size=60))
def test_whatever_is_written_is_none(text: str) -> None:
    assert links.read(text) is None


@pytest.mark.parametrize("around", ["{}=", "{}A", " {}", "{}\n", "{}\0"])
def test_a_link_with_something_around_it_is_none(around: str) -> None:
    assert links.read(around.format(made(b"r" * 12, 0, 0))) is None


def test_other_spellings_of_the_same_bytes_are_none() -> None:
    token = next(token for n in range(100) if "-" in (token := made(b"r" * 12, 0, n)))

    assert links.read(token.replace("-", "+")) is None


def test_a_link_of_another_installation_is_none() -> None:
    token = Links(b"x" * 32).of_run(b"r" * 12).token(0, 0).decode()

    assert links.read(token) is None


def test_a_link_for_one_purpose_is_none_for_another() -> None:
    unsubscribing = Links(SECRET, purpose=UNSUBSCRIBING)

    assert links.read(unsubscribing.of_run(b"r" * 12).token(0, 0).decode()) is None
    assert unsubscribing.read(made(b"r" * 12, 0, 0)) is None


def test_links_of_one_run_do_not_depend_on_their_order() -> None:
    of_run = links.of_run(b"r" * 12)
    first = of_run.token(0, 0)
    of_run.token(7, 7)

    assert of_run.token(0, 0) == first
