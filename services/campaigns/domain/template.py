"""Owns a saved template: what it may say, and that every change of it is a new version beside the old ones."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from services.campaigns.domain.content import check_text
from services.campaigns.domain.email import check_words, check_words_can_start
from services.runtime.errors import Conflict

MAX_DISPLAY_NAME = 200


@dataclass(frozen=True, slots=True)
class Words:
    """What one version says."""

    display_name: str
    subject: str
    html: str
    text: str

    def fields(self) -> tuple[str, ...]:
        """The fields they use. Raises Invalid unless they are whole, within their limits, and compile."""
        check_text(self.display_name, field="template.display_name", most=MAX_DISPLAY_NAME, least=1)
        compiled = check_words(subject=self.subject, html=self.html, text=self.text, path="template")
        check_words_can_start(subject=self.subject, html=self.html, text=self.text, path="template")
        return compiled.fields


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a template; the newest one is what the template says now."""

    id: bytes
    tenant: bytes
    project: bytes
    channel: int
    version: int
    words: Words
    fields: tuple[str, ...]
    created_at: datetime.datetime
    updated_at: datetime.datetime

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return f'"{self.version}"'

    def changed(self, words: Words, *, now: datetime.datetime) -> Template:
        """The next version; the same words are no change. Raises Invalid."""
        fields = words.fields()
        if words == self.words:
            return self
        return replace(self, words=words, fields=fields, version=self.version + 1, updated_at=now)


def check_etag(template: Template, etag: str) -> None:
    """Conflict where the caller's etag is not the template's any more; an empty one is any."""
    if etag and etag != template.etag:
        raise Conflict("TEMPLATE_CHANGED", "The template has changed since.", field="etag")
