"""Owns translating templates between the domain and protos.

Never decides anything: what is wrong with a template, the domain says.
"""

from __future__ import annotations

from collections.abc import Sequence

from carillon.campaigns.v1.templates_pb2 import Template as TemplateMessage

from services.campaigns.channel_messages import template_to
from services.campaigns.domain.email import TemplateName
from services.campaigns.domain.template import Template, Words
from services.runtime.errors import Invalid

EDITABLE = ("display_name", "subject", "html", "text")


def words_from(message: TemplateMessage) -> Words:
    """What the author wrote."""
    return Words(**{field: getattr(message, field) for field in EDITABLE})


def words_with(old: Words, message: TemplateMessage, paths: Sequence[str]) -> Words:
    """The old words with the fields of the mask, or all that are set where it is empty. Raises Invalid."""
    for index, path in enumerate(paths):
        if path not in EDITABLE:
            raise Invalid("FIELD_NOT_EDITABLE", "This cannot be updated.", field=f"update_mask.paths[{index}]")
    fields = paths or [field for field in EDITABLE if getattr(message, field)]
    given = {field: getattr(message, field) for field in fields}
    return Words(**{field: given.get(field, getattr(old, field)) for field in EDITABLE})


def template_message(template: Template, *, version: int | None = None) -> TemplateMessage:
    """The whole resource; under the name of its version where one was asked for."""
    message = TemplateMessage(
        name=template_to(TemplateName(template.id, version), template.project),
        channel=template.channel,  # type: ignore[arg-type]
        version=template.version,
        contact_fields=template.fields,
        etag=template.etag,
        **{field: getattr(template.words, field) for field in EDITABLE},
    )
    message.create_time.FromDatetime(template.created_at)
    message.update_time.FromDatetime(template.updated_at)
    return message
