"""Owns the short way to one person's email: only what differs between people is rendered, all of it at once.

Never decides what an email says: it gives what EmailTemplate.render gives, cut at the template's tags, and nothing
where that cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from minijinja import TemplateError

from services.email_templates import HTML, NAMES, SUBJECT, TEXT, EmailTemplate, environment, one_line
from services.template_language import read_tags

_END = "\x1f"  # of what a tag shows; who has it in a field gets an email that is rendered as a whole
_TOUCHES_ITS_SURROUNDINGS = re.compile(r"\{#|\{[{%][-+]|[-+][}%]\}")  # a comment, or a tag that eats blanks


class Cut(NamedTuple):
    """A source cut at its outermost tags: an expression, or an `if` up to its `endif`."""

    texts: tuple[str, ...]  # around the tags: one more than those
    tags: tuple[str, ...]


class Filled(NamedTuple):
    """The subject of one person's email, and what the tags of its bodies show."""

    subject: str
    html: Sequence[str]
    text: Sequence[str]


class EmailFilling:
    """A template whose texts are known beforehand: `html` and `text`, around what `fill` gives."""

    def __init__(self, template: EmailTemplate) -> None:
        cuts = {part: cut(template.sources[part]) for part in NAMES}
        self.html, self.text = cuts[HTML].texts, cuts[TEXT].texts
        self._subject = Around(cuts[SUBJECT].texts)
        self._environment = environment("lenient")
        self._environment.add_template(NAMES[TEXT], _only_tags(cuts))
        self._before_text = len(cuts[SUBJECT].tags)
        self._before_html = self._before_text + len(cuts[TEXT].tags)
        self._tags = self._before_html + len(cuts[HTML].tags)

    def fill(self, values: Mapping[str, str]) -> Filled | None:
        """The email of a contact with these values, by fields in snake_case; None where the whole is to be rendered."""
        defined = {field: value for field, value in values.items() if value}
        try:
            shown = self._environment.render_template(NAMES[TEXT], **defined).split(_END)
        except TemplateError:
            return None
        if len(shown) != self._tags + 1:
            return None
        return Filled(
            one_line(self._subject.put(shown[: self._before_text])),
            shown[self._before_html : self._tags],
            shown[self._before_text : self._before_html],
        )


def cut(source: str) -> Cut:
    """The source's texts and tags; all of it is one tag where a tag changes the text around it."""
    if _TOUCHES_ITS_SURROUNDINGS.search(source):
        return Cut(("", ""), (source,))
    texts, tags = [], []
    depth = start = end = 0
    for tag in read_tags(source):
        if not depth:
            texts.append(source[end : tag.start])
            start = tag.start
        depth += (tag.statement == "if") - (tag.statement == "endif")
        if not depth:
            tags.append(source[start : tag.end])
            end = tag.end
    return Cut((*texts, source[end:]), tuple(tags))


class Around:
    """Texts around what a person is shown between them."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._parts = [part for text in texts for part in (text, "")][:-1]

    def put(self, shown: Sequence[str]) -> str:
        """The whole; one shown less than there are texts."""
        parts = self._parts.copy()
        parts[1::2] = shown
        return "".join(parts)


def _only_tags(cuts: Mapping[str, Cut]) -> str:
    subject, text, html = ("".join(tag + _END for tag in cuts[part].tags) for part in (SUBJECT, TEXT, HTML))
    return f"{subject}{text}{{% autoescape 'html' %}}{html}{{% endautoescape %}}"
