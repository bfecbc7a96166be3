"""A body of which the texts are known beforehand is encoded as one that is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.body_encoding import BodyPattern, UndottedBody, encode_body
from services.email_filling import Around

TEXTS = st.text(st.sampled_from("a .\r\n%é\0"), max_size=8) | st.sampled_from(
    ["x" * 985, "Hi\r\n", ".\n", "\n.", "<p>"]
)
WORDS = st.text(st.sampled_from("a .\r\n%é\0\t\x7f"), max_size=8) | st.sampled_from(["", ".", "x" * 6, "\u2028"])


@given(bodies=st.lists(st.tuples(TEXTS, WORDS), max_size=5), last=TEXTS)
def test_a_pattern_gives_what_encoding_the_whole_gives(bodies: list[tuple[str, str]], last: str) -> None:
    texts, shown = [*(text for text, _ in bodies), last], [words for _, words in bodies]

    encoded = BodyPattern(texts).encode(shown)

    assert encoded == encode_body(Around(texts).put(shown))
    assert not isinstance(encoded, UndottedBody) or not any(line.startswith(b".") for line in encoded.split(b"\n"))


@pytest.mark.parametrize(
    ("texts", "known"),
    [
        (["Hi ", "!\n"], True),
        (["Hi ", "."], True),
        (["Hi."], True),
        (["Hi\n", "!"], False),  # what is shown could begin with a dot
        (["", "!"], False),
        (["Hi ", "", "!"], False),
        (["Hi ", "\n."], False),
    ],
)
def test_most_bodies_are_known_to_have_no_dot_where_a_line_begins(texts: list[str], known: bool) -> None:
    encoded = BodyPattern(texts).encode(["x"] * (len(texts) - 1))

    assert isinstance(encoded, UndottedBody) is known
