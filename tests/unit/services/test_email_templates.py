"""What an author may write in an email, and what one person gets of it."""

from __future__ import annotations

import time

import pytest

from services.email_templates import CannotRender, EmailTemplate, Rendered
from services.runtime.errors import Invalid

ANNA = {"first_name": "Anna", "plan": "pro"}


def template(html: str = "", *, subject: str = "", text: str = "") -> EmailTemplate:
    return EmailTemplate(subject=subject, html=html, text=text, path="email_content")


def refusal(html: str) -> tuple[str, str, str]:
    with pytest.raises(Invalid) as caught:
        template(html)
    assert caught.value.reason == "TEMPLATE_INVALID"
    return caught.value.field, caught.value.metadata["line"], caught.value.message


def shown(html: str, **values: str) -> str:
    return template(html).render(values).html


def test_subject_and_bodies_carry_the_persons_fields() -> None:
    email = template(
        "<p>Hi {{ first_name }}</p>\n", subject="{{ first_name }}!", text="Hi {{ firstName }}: {{ plan }}\n"
    )

    assert email.render(ANNA) == Rendered(subject="Anna!", html="<p>Hi Anna</p>\n", text="Hi Anna: pro\n")
    assert email.fields == ("first_name", "plan")


def test_a_part_without_fields_stays_as_it_is() -> None:
    source = "a } b }} %} #} <b>\r\n"

    assert template(source, text=source).render({}) == Rendered(subject="", html=source, text=source)


@pytest.mark.parametrize("spelled", ["first_name", "firstName", "FirstName"])
def test_a_field_is_the_same_however_it_is_spelled(spelled: str) -> None:
    assert shown("{{ " + spelled + " }}", first_name="Anna") == "Anna"


def test_values_are_escaped_in_html_and_nowhere_else() -> None:
    email = template("{{ x }}", subject="{{ x }}", text="{{ x }}")

    rendered = email.render({"x": "<b>&\"'"})

    assert rendered.html == "&lt;b&gt;&amp;&quot;&#x27;"
    assert rendered.subject == rendered.text == "<b>&\"'"


def test_a_line_break_in_a_value_never_breaks_the_subject() -> None:
    rendered = template(subject="Hi {{ x }}!").render({"x": "a\r\nBcc: b@example.com\x00\u2028c"})

    assert rendered.subject == "Hi a Bcc: b@example.com c!"


@pytest.mark.parametrize("values", [{}, {"first_name": ""}])
def test_an_absent_or_empty_field_gives_the_authors_default(values: dict[str, str]) -> None:
    assert shown('Hi {{ first_name | default("there") }}', **values) == "Hi there"
    assert shown("Hi {{ first_name or 'there' }}", **values) == "Hi there"
    assert shown("{% if first_name %}Hi {{ first_name }}{% else %}Hello{% endif %}", **values) == "Hello"


def test_a_required_field_that_somebody_lost_is_empty_text() -> None:
    assert shown("Hi {{ first_name }}!{{ first_name | upper }}") == "Hi !"


@pytest.mark.parametrize(
    ("html", "required"),
    [
        ("{{ a }}", {"a"}),
        ("{{ a | default('x') }}", set()),
        ("{{ a | default(b) }}", set()),  # either will do, and with neither the author wanted nothing
        ("{{ a or 'x' }}", set()),
        ("{{ a | upper }}", {"a"}),
        ("{{ a | default('x') | upper }}", set()),
        ("{{ 'x' ~ a }}", {"a"}),
        ("{% if a %}{{ a }}{% endif %}", set()),
        ("{% if a %}x{% else %}{{ b }}{% endif %}", {"b"}),
        ("{% if a == 'b' %}x{% endif %}", set()),
        ("{% if a is defined %}{{ a }}{% endif %}", set()),
        ("{% if a %}{{ a }}{% endif %}{{ a }}", {"a"}),
        ("{% if x %}1{% elif a %}{{ a }}{% endif %}", set()),
        ("{{ 'x' if a else 'y' }}", set()),
        ("{{ a if a else 'y' }}", set()),
    ],
)
def test_a_field_is_required_where_it_is_shown_without_a_default_and_nothing_asks_for_it(
    html: str, required: set[str]
) -> None:
    assert set(template(html).required) == required


def test_a_required_field_names_the_first_part_that_shows_it() -> None:
    email = template("{{ b }}{{ a }}", subject="{{ a }}", text="{{ b }}{{ c }}")

    assert email.required == {"a": "subject", "b": "html", "c": "text"}


@pytest.mark.parametrize(
    "source",
    [
        "{{ first_name",
        "{{ first_name }",
        "{{ 'open }}",
        "{{ }}",
        "{# open",
        "{% if a %}",
        "{% endif %}",
        "{% if a %}{% else %}{% else %}{% endif %}",
        "{{ a b }}",
        "{{ a | nosuch }}",
        "{{ a | safe }}",
        "{{ a is divisibleby 3 }}",
        "{{ a.b }}",
        "{{ a.__class__ }}",
        "{{ a.upper() }}",
        "{{ range(3) }}",
        "{{ (a)('x') }}",
        "{{ 'x'('y') }}",
        "{{ {'a': 1} }}",
        "{{ a / 0 }}",
        "{{ 1 | first }}",
        "{% %}",
    ],
)
def test_what_does_not_compile_is_refused_with_its_path_and_line(source: str) -> None:
    field, line, message = refusal("<p>\n\n" + source)

    assert (field, line) == ("email_content.html", "3")
    assert message.startswith("Line 3: ")


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(100000000) %}x{% endfor %}",
        "{% set a = 'x' %}",
        "{% set a %}x{% endset %}",
        "{% macro m() %}{{ m() }}{% endmacro %}",
        "{% with a = 'x' %}{% endwith %}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% block b %}{% endblock %}",
        "{% raw %}{% endraw %}",
        "{% autoescape false %}{% endautoescape %}",
        "{% do a %}",
        "{%- for i in a -%}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ 10 ** 1000000000 }}",
        "{{ lipsum(1000000) }}",
        "{{ namespace(a=1) }}",
        "{{ 'a' | replace('a', 'aa') }}",
        "{{ 'a' | indent(1000000000) }}",
    ],
)
def test_what_could_run_long_grow_without_end_or_read_anything_else_is_refused(source: str) -> None:
    assert refusal(source)[:2] == ("email_content.html", "1")


@pytest.mark.parametrize(
    "source",
    [
        "{{" + "~".join(["a"] * 1000) + "}}",
        "{{ a }}" * 1001,
        "{{" + "(" * 99 + "a" + ")" * 99 + "}}",
        "{% if a %}" * 300 + "{% endif %}" * 300,
        "{{" * 50_000,
        "{{ '" + "\\'" * 100_000,
    ],
)
def test_a_source_that_is_too_much_is_refused_soon(source: str) -> None:
    start = time.process_time()

    refusal(source)

    assert time.process_time() - start < 1


def test_the_largest_that_is_allowed_is_compiled_and_rendered_soon() -> None:
    many = "".join(f"{{{{ a{index % 100} | default('{index}') }}}}" for index in range(700))
    start = time.process_time()

    rendered = template(many, text="{{ a1 | urlencode }}" * 1000).render({"a1": "ö" * 500})

    assert time.process_time() - start < 2
    assert len(rendered.text) < 10_000_000


def test_an_email_has_so_many_fields_and_no_more() -> None:
    with pytest.raises(Invalid) as caught:
        template("".join(f"{{{{ a{index} }}}}" for index in range(101)))

    assert (caught.value.reason, caught.value.field) == ("TOO_MANY_FIELDS", "email_content")


def test_names_that_mean_something_to_the_engine_are_fields_like_others() -> None:
    names = ["name", "self", "loop", "range", "source", "dict", "kwargs", "caller"]

    email = template(" ".join(f"{{{{ {name} }}}}" for name in names))

    assert email.fields == tuple(sorted(names))
    assert email.render({name: name.upper() for name in names}).html == " ".join(names).upper()


def test_a_value_that_is_not_what_an_expression_needs_is_told_apart_from_a_defect() -> None:
    email = template("{{ age | int + 1 }}")

    assert email.render({"age": "41"}).html == "42"
    with pytest.raises(CannotRender):
        email.render({"age": "unknown"})


def test_what_a_value_says_is_never_read_as_a_template() -> None:
    assert shown("{{ a }}", a="{{ b }}{% for x in y %}") == "{{ b }}{% for x in y %}"
