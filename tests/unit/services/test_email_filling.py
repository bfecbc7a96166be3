"""The short way to an email is the long way's result, whatever authors and people write."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.email_filling import Around, EmailFilling, cut
from services.email_templates import CannotRender, EmailTemplate
from services.runtime.errors import Invalid

TEXTS = ["Hi ", "\n", "\r\n", "\r", " ", "%s", "é", "{", "}}", "<p>", "\x1f", "{# a #}"]
EXPRESSIONS = ["{{ a }}", "{{- a }}", "{{ a -}}", "{{ a | e }}", "{{ a | int }}", "{{ firstName | default('you') }}"]
CHOICES = [
    "{% if a %}\n{{ b }}{% endif %}",
    "{% if b %}{% if a %}1{% endif %}{% else %}{{ a }}{% endif %}",
    "{% if b == 'x' -%} a {% elif b %}{{ b }}{% else %}{{ a }}{% endif %}",
]
PIECES = st.sampled_from([*TEXTS, *EXPRESSIONS, *CHOICES])
SOURCES = st.lists(PIECES, max_size=8).map("".join)
WORDS = ["", "x", "7", "<&\"'/>", "a\r\nb", "\x1f", "%s", "é", ".", "{{ b }}", " \u2028"]
VALUES = st.sampled_from(WORDS) | st.text(max_size=9)


def filled(template: EmailTemplate, values: dict[str, str]) -> tuple[str, str, str] | None:
    filling = EmailFilling(template)
    found = filling.fill(values)
    if found is None:
        return None
    return found.subject, Around(filling.html).put(found.html), Around(filling.text).put(found.text)


def rendered(template: EmailTemplate, values: dict[str, str]) -> tuple[str, str, str] | None:
    try:
        email = template.render(values)
    except CannotRender:
        return None
    return email.subject, email.html, email.text


@given(
    subject=SOURCES,
    html=SOURCES,
    text=SOURCES,
    values=st.fixed_dictionaries({}, optional={"a": VALUES, "b": VALUES, "first_name": VALUES}),
)
def test_what_is_filled_in_is_what_is_rendered(subject: str, html: str, text: str, values: dict[str, str]) -> None:
    try:
        template = EmailTemplate(subject=subject, html=html, text=text, path="email_content")
    except Invalid:
        assume(False)

    short, whole = filled(template, values), rendered(template, values)

    assert short == whole or (short is None and "\x1f" in "".join([subject, html, text, *values.values()]))


def test_a_source_is_cut_at_its_outermost_tags() -> None:
    assert cut("Hi {{ a }},\n{% if b %}{{ b }}{% else %}-{% endif %}{{ c }}") == (
        ("Hi ", ",\n", "", ""),
        ("{{ a }}", "{% if b %}{{ b }}{% else %}-{% endif %}", "{{ c }}"),
    )


@pytest.mark.parametrize("source", ["a {{- b }}", "a {# b #} c", "{% if b -%} a {% endif %}", "{{ b +}}"])
def test_a_source_of_which_a_tag_changes_the_texts_is_not_cut(source: str) -> None:
    assert cut(source) == (("", ""), (source,))


def test_a_value_that_looks_like_the_end_of_another_is_rendered_as_a_whole() -> None:
    template = EmailTemplate(subject="{{ a }}", html="{{ b }}", text="", path="email_content")

    assert filled(template, {"a": "1\x1f", "b": "2"}) is None
    assert filled(template, {"a": "1", "b": "2"}) == ("1", "2", "")
