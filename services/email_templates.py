"""Owns how an email's subject and bodies become one person's: which fields they use, and rendering.

Shared by campaigns, which refuses before a start what cannot be rendered, and delivery, which renders. The rules:

* A field is a column of the contact or an attribute; `{{ firstName }}` and `{{ first_name }}` are the same.
* A field that the contact has not, or has as empty text, is undefined: `{{ first_name | default("there") }}` says what
  stands for it.
* A field that is shown without a default, and not within an `if` that asks for it, is *required*. campaigns refuses to
  start where nobody of the project ever had it, or where somebody in the audience has none. Whoever lost it since gets
  empty text.
* In the HTML body values are escaped, always; in the subject every line break becomes a space.

Never reads or stores anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from minijinja import Environment, TemplateError

from services.runtime.errors import Invalid
from services.template_language import NotAllowed, Shown, read_source

FUEL = 500_000  # more than the language's limits let any source use
SUBJECT, HTML, TEXT = "subject", "html", "text"
NAMES = {SUBJECT: "subject.txt", HTML: "body.html", TEXT: "body.txt"}  # by its ending, minijinja escapes or does not
MAX_FIELDS = 100
SAMPLE = "1"  # reads as a number, too
BUILT_INS = ("range", "dict", "debug", "namespace", "cycler", "joiner", "lipsum")
BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


class CannotRender(Exception):
    """A value is not what an expression needs, such as `{{ age | int }}` of "unknown"."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One person's email; empty where the template has no such part."""

    subject: str
    html: str
    text: str


class EmailTemplate:
    """A subject and bodies, compiled once.

    `fields` are in snake_case and sorted; `required` names for each that is required the first part that shows it.
    """

    def __init__(self, *, subject: str, html: str, text: str, path: str) -> None:
        """Raises Invalid with the part's path, such as `email_content.html`, and the line."""
        self._environment = environment("lenient")
        self.sources: dict[str, str] = {}  # part → source with every field in snake_case
        self._plain: dict[str, str] = {}  # parts with nothing to fill in
        used: set[str] = set()
        required: dict[str, str] = {}
        for part, source in ((SUBJECT, subject), (HTML, html), (TEXT, text)):
            fields, needed = self._compile(part, source, f"{path}.{part}")
            used |= fields
            for field in sorted(needed):
                required.setdefault(field, part)
        if len(used) > MAX_FIELDS:
            raise Invalid("TOO_MANY_FIELDS", f"An email uses at most {MAX_FIELDS} fields.", field=path)
        self.fields: tuple[str, ...] = tuple(sorted(used))
        self.required: Mapping[str, str] = required

    def render(self, values: Mapping[str, str]) -> Rendered:
        """The email of a contact with these values, by fields in snake_case. Raises CannotRender."""
        defined = {field: value for field, value in values.items() if value}
        try:
            return Rendered(
                subject=one_line(self._render(SUBJECT, defined)),
                html=self._render(HTML, defined),
                text=self._render(TEXT, defined),
            )
        except TemplateError as error:
            raise CannotRender(_told(error)) from error

    def _render(self, part: str, defined: Mapping[str, str]) -> str:
        plain = self._plain.get(part)
        if plain is not None:
            return plain
        rendered: str = self._environment.render_template(NAMES[part], **defined)
        return rendered

    def _compile(self, part: str, text: str, path: str) -> tuple[frozenset[str], frozenset[str]]:
        """The part's fields, and those of them that are required."""
        try:
            source = read_source(text)
            self.sources[part] = source.text
            self._environment.add_template(NAMES[part], source.text)
            if "{" not in text:
                self._plain[part] = text
            strict = environment("semi_strict")
            needed = frozenset().union(*(_needed(strict, shown) for shown in dict.fromkeys(source.shown)))
            self._render(part, dict.fromkeys(source.fields, SAMPLE))
        except NotAllowed as error:
            raise _invalid(error.message, line=error.line, path=path) from error
        except TemplateError as error:
            raise _invalid(_told(error), line=error.line or 1, path=path) from error
        return source.fields, needed


def one_line(subject: str) -> str:
    """Without what would end a header."""
    return (subject if subject.isprintable() else BREAKS.sub(" ", subject)).strip()


def environment(undefined: Literal["lenient", "semi_strict"]) -> Environment:
    """An engine that knows nothing but the language."""
    engine = Environment(
        fuel=FUEL,
        undefined_behavior=undefined,  # type: ignore[arg-type]  # the stub does not know semi_strict
        keep_trailing_newline=True,
        debug=False,
        pycompat=False,
    )
    for name in BUILT_INS:
        engine.remove_global(name)
    return engine


def _needed(strict: Environment, shown: Shown) -> frozenset[str]:
    """The fields of an expression without which there is nothing to show. Raises NotAllowed where there never is."""
    everything = dict.fromkeys(shown.fields, SAMPLE)
    problem = _problem(strict, shown, everything)
    if problem:
        raise NotAllowed(problem, line=shown.line)
    return frozenset(
        field
        for field in shown.fields - shown.guards
        if _problem(strict, shown, {name: SAMPLE for name in everything if name != field})
    )


def _problem(strict: Environment, shown: Shown, values: Mapping[str, str]) -> str:
    """Why the expression cannot be shown with these values; empty where it can."""
    try:
        strict.add_template(NAMES[TEXT], "{{" + shown.expression + "}}")
        strict.render_template(NAMES[TEXT], **values)
    except TemplateError as error:
        return _told(error)
    return ""


def _told(error: TemplateError) -> str:
    """Its first line without the name that only we know the part by."""
    return str(error.detail or error.message.partition(" (in ")[0])


def _invalid(message: str, *, line: int, path: str) -> Invalid:
    metadata = {"line": str(line)}
    return Invalid("TEMPLATE_INVALID", f"Line {line}: {message}", field=path, metadata=metadata)
