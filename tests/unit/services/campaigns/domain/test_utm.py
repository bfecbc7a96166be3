"""UTM words go to the end of the query; whatever else a URL holds is kept to the byte."""

from __future__ import annotations

from dataclasses import fields
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.campaigns.domain.utm import Utm, append_utm, with_utm
from tests.unit.services.campaigns.domain.builders import a_push, an_action

KEYS = [f"utm_{field.name}" for field in fields(Utm)]

words = st.text(st.sampled_from("aZ09 -_.~%&=#?+/ßÜ漢🙂"), max_size=8)
some_utm = st.builds(Utm, source=words, medium=words, campaign=words, term=words, content=words)
# Whatever may stand in a URL but utm keys, above all what is easily mended by mistake: empty pairs, lone marks.
piece = st.text(st.sampled_from("az09-._~%20%C3%9F+;=/:@!$'()*,ß"), max_size=12)
foreign_query = st.lists(piece, min_size=1, max_size=5).map("&".join).filter(bool)
utm_pair = st.builds(lambda key, value: f"{key}={value}", st.sampled_from(KEYS), piece)
heads = st.sampled_from(
    ["https://example.com", "HTTPS://Example.COM/", "http://h:80/a//b/../c;p=1", "https://u:p@h/%7e"]
)
fragments = st.one_of(st.just(""), st.builds(lambda text: "#" + text, st.text(st.sampled_from("az?&=#/%"), max_size=8)))


@given(heads, foreign_query, fragments, some_utm.filter(lambda utm: utm != Utm()))
def test_a_query_and_a_fragment_that_are_there_are_kept_to_the_byte(
    head: str, query: str, fragment: str, utm: Utm
) -> None:
    appended = append_utm(f"{head}?{query}{fragment}", utm)

    added = appended.removeprefix(f"{head}?{query}&").removesuffix(fragment)
    assert appended == f"{head}?{query}&{added}{fragment}"
    assert parse_qsl(added, keep_blank_values=True) == given_words(utm)


@given(heads, fragments, some_utm.filter(lambda utm: utm != Utm()))
def test_a_url_without_a_query_gets_one_before_its_fragment(head: str, fragment: str, utm: Utm) -> None:
    appended = append_utm(head + fragment, utm)

    added = appended.removeprefix(f"{head}?").removesuffix(fragment)
    assert appended == f"{head}?{added}{fragment}"
    assert parse_qsl(added, keep_blank_values=True) == given_words(utm)


@given(heads, st.lists(st.one_of(piece, utm_pair), max_size=5), fragments, some_utm)
def test_appending_twice_is_appending_once(head: str, pairs: list[str], fragment: str, utm: Utm) -> None:
    once = append_utm(f"{head}?{'&'.join(pairs)}{fragment}", utm)

    assert append_utm(once, utm) == once


@given(heads, st.lists(st.one_of(piece, utm_pair), max_size=5), fragments, some_utm)
def test_each_word_is_there_once_and_is_ours(head: str, pairs: list[str], fragment: str, utm: Utm) -> None:
    appended = append_utm(f"{head}?{'&'.join(pairs)}{fragment}", utm)

    query = parse_qsl(urlsplit(appended).query, keep_blank_values=True)
    for key, value in given_words(utm):
        assert [found for name, found in query if name == key] == [value]


def given_words(utm: Utm) -> list[tuple[str, str]]:
    words = [(f"utm_{field.name}", getattr(utm, field.name)) for field in fields(Utm)]
    return [(key, value) for key, value in words if value]


@pytest.mark.parametrize("key", ["utm_source", "utm%5Fsource", "%75tm_source"])
def test_a_key_that_is_there_already_is_replaced_however_it_is_escaped(key: str) -> None:
    appended = append_utm(f"https://example.com/?a=1&{key}=theirs&b=2", Utm(source="ours"))

    assert appended == "https://example.com/?a=1&b=2&utm_source=ours"


def test_a_key_for_which_there_is_no_word_stays() -> None:
    appended = append_utm("https://example.com/?utm_medium=theirs", Utm(source="ours"))

    assert appended == "https://example.com/?utm_medium=theirs&utm_source=ours"


@pytest.mark.parametrize("url", ["https://example.com/?&a=1&&b#", "https://example.com?#x", "HTTP://EXAMPLE.com"])
def test_without_words_nothing_is_touched(url: str) -> None:
    assert append_utm(url, Utm()) == url


def test_no_url_stays_no_url() -> None:
    assert append_utm("", Utm(source="ours")) == ""


def test_words_stand_on_every_link_of_a_push_and_nowhere_else() -> None:
    content = a_push(
        click_url="https://example.com/",
        icon_url="https://example.com/icon.png",
        image_url="https://example.com/image.png",
        actions=(an_action(url="https://example.com/buy"), an_action(action="later", url="")),
    )

    sent = with_utm(content, Utm(source="ours"))

    assert sent.click_url == "https://example.com/?utm_source=ours"
    assert [action.url for action in sent.actions] == [
        "https://example.com/buy?utm_source=ours",
        "https://example.com/?utm_source=ours",
    ]
    assert (sent.icon_url, sent.image_url) == (content.icon_url, content.image_url)
