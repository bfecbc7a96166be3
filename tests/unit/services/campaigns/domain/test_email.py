"""What an email may say, and what it needs before it starts."""

from __future__ import annotations

from typing import Any

import pytest

from services.campaigns.domain.campaign import EMAIL
from services.campaigns.domain.email import TemplateName
from services.runtime.errors import Invalid
from tests.unit.services.campaigns.domain.builders import a_definition, an_email

SAVED = TemplateName(bytes(12))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"html": "", "text": "Hello"},
        {"from_name": "The Shop – Zürich", "reply_to": "help@example.com"},
        {"template": SAVED, "subject": "", "html": ""},
        {"subject": "s" * 200, "html": "h" * 256 * 1024},
        {"html": "{{ first_name | default('there') }}"},
    ],
)
def test_a_whole_email_can_start(changes: dict[str, Any]) -> None:
    definition = a_definition(channels=(EMAIL,), content=None, email=an_email(**changes))

    definition.check()
    definition.check_can_start()


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"from_email": "a@x.com,b@y.com"}, "EMAIL_INVALID", "from_email"),
        ({"from_email": "Shop <a@x.com>"}, "EMAIL_INVALID", "from_email"),
        ({"from_email": "a@x.com\r\nBcc: b@y.com"}, "EMAIL_INVALID", "from_email"),
        ({"reply_to": "<>"}, "EMAIL_INVALID", "reply_to"),
        ({"from_name": "Shop\r\nBcc: b@y.com"}, "TEXT_INVALID", "from_name"),
        ({"from_name": "n" * 201}, "TEXT_TOO_LONG", "from_name"),
        ({"subject": "Hello\nBcc: b@y.com"}, "TEXT_INVALID", "subject"),
        ({"subject": "Hello\u2028"}, "TEXT_INVALID", "subject"),
        ({"subject": "s" * 201}, "TEXT_TOO_LONG", "subject"),
        ({"html": "ä" * (128 * 1024) + "x"}, "TEXT_TOO_LONG", "html"),
        ({"text": "t" * (256 * 1024 + 1)}, "TEXT_TOO_LONG", "text"),
        ({"text": "\0"}, "TEXT_INVALID", "text"),
        ({"html": "{{ first_name"}, "TEMPLATE_INVALID", "html"),
        ({"text": "{% for x in y %}{% endfor %}"}, "TEMPLATE_INVALID", "text"),
        ({"subject": "{{ a | nosuch }}"}, "TEMPLATE_INVALID", "subject"),
        ({"template": SAVED}, "CONTENT_AMBIGUOUS", "template"),
    ],
)
def test_what_an_email_may_not_be_is_refused_at_its_field_even_in_a_draft(
    changes: dict[str, Any], reason: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        a_definition(email=an_email(**changes)).check()

    assert (refused.value.reason, refused.value.field) == (reason, f"email_content.{field}")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"provider_account": None}, "provider_account"),
        ({"from_email": ""}, "from_email"),
        ({"subject": " "}, "subject"),
        ({"html": "", "text": " "}, "html"),
    ],
)
def test_a_draft_may_lack_what_a_start_needs(changes: dict[str, Any], field: str) -> None:
    definition = a_definition(channels=(EMAIL,), email=an_email(**changes))

    definition.check()
    with pytest.raises(Invalid) as refused:
        definition.check_can_start()

    assert (refused.value.reason, refused.value.field) == ("FIELD_REQUIRED", f"email_content.{field}")


def test_a_campaign_by_email_needs_an_email() -> None:
    with pytest.raises(Invalid) as refused:
        a_definition(channels=(EMAIL,), email=None).check_can_start()

    assert refused.value.field == "email_content.provider_account"
