"""Owns which part of Jinja's language an author may write, and which fields of a contact a source uses.

Never renders. It lets nothing through that it does not know: fields, literals, comparisons, a short list of filters,
and `if`. Nothing that repeats, binds or multiplies is there, so that what a source renders to is never much longer than
the source and the fields in it. The engine's fuel alone does not see to that: `"x" * 1000000000` is one instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from services.field_names import field_name

MAX_TAGS = 1_000
MAX_TOKENS = 5_000  # of all tags: names, literals, signs
MAX_TAG_TOKENS = 200
FILTERS = frozenset(
    {"abs", "capitalize", "d", "default", "e", "escape", "first", "float", "int", "last", "length", "lower", "round"}
    | {"title", "trim", "upper", "urlencode"}
)
TESTS = frozenset({"defined", "undefined"})
STATEMENTS = frozenset({"if", "elif", "else", "endif"})
WORDS = frozenset({"and", "or", "not", "in", "is", "if", "else"})
CONSTANTS = frozenset({"true", "True", "false", "False", "none", "None"})
OPENING = re.compile(r"\{[{%#]")
TOKEN = re.compile(
    r"""\s*(?: (?P<end>[-+]?[}%]\}) | (?P<string>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
        | (?P<number>[0-9]+(?:\.[0-9]+)?) | (?P<name>[^\W0-9]\w*)
        | (?P<operator>[=!<>]= | // | [<>~+\-/%|()\[\],:]) )""",
    re.VERBOSE | re.DOTALL,
)


class NotAllowed(Exception):
    """The source says something that is not in the language; `line` counts from 1."""

    def __init__(self, message: str, *, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a tag."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Tag:
    """`{{ … }}` with no statement, or `{% statement … %}`; `names` are the tokens that are fields."""

    statement: str
    tokens: tuple[Token, ...]
    names: tuple[Token, ...]
    line: int
    start: int
    end: int

    @property
    def fields(self) -> frozenset[str]:
        """The fields in it, in snake_case."""
        return frozenset(field_name(name.text) for name in self.names)


@dataclass(frozen=True, slots=True)
class Shown:
    """An expression that is written out; `guards` are the fields that the `if`s around it ask for."""

    expression: str
    fields: frozenset[str]
    guards: frozenset[str]
    line: int


@dataclass(frozen=True, slots=True)
class Source:
    """What was read: the source with every field in snake_case, what it shows, what it asks for."""

    text: str
    fields: frozenset[str]
    shown: tuple[Shown, ...]


def read_source(text: str) -> Source:
    """Read what an author wrote. Raises NotAllowed."""
    tags, size = [], 0
    for tag in read_tags(text):
        tags.append(tag)
        size += len(tag.tokens)
        if len(tags) > MAX_TAGS or size > MAX_TOKENS:
            raise NotAllowed(f"At most {MAX_TAGS} tags of {MAX_TOKENS} words and signs in all.", line=tag.line)
    return Source(
        text=_spelled(text, [name for tag in tags for name in tag.names]),
        fields=frozenset().union(*(tag.fields for tag in tags)),
        shown=tuple(_shown(text, tags)),
    )


def _spelled(text: str, names: list[Token]) -> str:
    parts, place = [], 0
    for name in names:
        parts += [text[place : name.start], field_name(name.text)]
        place = name.end
    return "".join([*parts, text[place:]])


def _shown(text: str, tags: list[Tag]) -> Iterator[Shown]:
    """Each expression; in an `if` and all its branches, the fields that any of its conditions names are guarded."""
    guards: list[frozenset[str]] = []
    for tag in tags:
        if tag.statement == "if":
            guards.append(tag.fields)
        elif tag.statement == "elif" and guards:
            guards[-1] |= tag.fields
        elif tag.statement == "endif" and guards:
            guards.pop()
        if not tag.statement and tag.tokens:
            piece = text[tag.tokens[0].start : tag.tokens[-1].end]
            moved = tag.tokens[0].start
            names = [Token(name.kind, name.text, name.start - moved, name.end - moved) for name in tag.names]
            yield Shown(_spelled(piece, names), tag.fields, frozenset().union(*guards), tag.line)


def read_tags(text: str) -> Iterator[Tag]:
    """All tags in their order, comments left out. Raises NotAllowed."""
    place = 0
    while opening := OPENING.search(text, place):
        line = text.count("\n", 0, opening.start()) + 1
        if opening.group() == "{#":
            place = text.find("#}", opening.end()) + 2
            if place == 1:
                raise NotAllowed("A comment is not closed.", line=line)
            continue
        tokens, place = _tokens(text, opening.end(), closing="}}" if opening.group() == "{{" else "%}", line=line)
        yield _tag(opening, tokens, line, end=place)


def _tokens(text: str, place: int, *, closing: str, line: int) -> tuple[list[Token], int]:
    tokens: list[Token] = []
    place += text[place : place + 1] in ("-", "+")  # of whitespace, not of numbers
    while match := TOKEN.match(text, place):
        kind = str(match.lastgroup)
        if kind == "end":
            if not match["end"].endswith(closing):
                break
            return tokens, match.end()
        tokens.append(Token(kind, match[kind], match.start(kind), match.end()))
        place = match.end()
        if len(tokens) > MAX_TAG_TOKENS:
            raise NotAllowed(f"A tag has at most {MAX_TAG_TOKENS} words and signs.", line=line)
    rest = text[place:].lstrip()
    raise NotAllowed(f"{rest[0]!r} is not allowed here." if rest else "A tag is not closed.", line=line)


def _tag(opening: re.Match[str], tokens: list[Token], line: int, *, end: int) -> Tag:
    statement = ""
    if opening.group() == "{%":
        statement = tokens[0].text if tokens else ""
        if statement not in STATEMENTS:
            raise NotAllowed(f"There is no {statement!r} in templates: only if, elif, else, endif.", line=line)
        tokens = tokens[1:]
    return Tag(statement, tuple(tokens), tuple(_names(tokens, line)), line, opening.start(), end)


def _names(tokens: list[Token], line: int) -> Iterator[Token]:
    """The tokens that are fields. Raises NotAllowed for a filter, a test or a call that is not in the language."""
    before = ""
    for index, token in enumerate(tokens):
        is_called = index + 1 < len(tokens) and tokens[index + 1].text == "("
        if token.kind == "name" and before == "|":
            if token.text not in FILTERS:
                raise NotAllowed(f"There is no filter {token.text!r}.", line=line)
        elif token.kind == "name" and before == "is" and token.text != "not":
            if token.text not in TESTS:
                raise NotAllowed(f"There is no test {token.text!r}.", line=line)
        elif token.kind == "name" and token.text not in WORDS | CONSTANTS:
            if is_called:
                raise NotAllowed(f"There is no function {token.text!r}.", line=line)
            yield token
        elif token.kind in ("string", "number") and is_called:
            raise NotAllowed(f"{token.text} is no function.", line=line)
        before = "is" if (before, token.text) == ("is", "not") else token.text
