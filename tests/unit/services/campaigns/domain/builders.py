"""Campaigns that a test can do something with; a test names only what it cares about."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

from services.campaigns.domain.campaign import PUSH, Audience, Campaign, Definition, State
from services.campaigns.domain.content import PushAction, PushContent
from services.campaigns.domain.email import EmailContent
from services.campaigns.domain.http_call import HttpContent
from services.campaigns.domain.run import Run, RunState

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
LATER = NOW + datetime.timedelta(minutes=5)


def an_action(**changes: Any) -> PushAction:
    return replace(PushAction(action="open", title="Open"), **changes)


def a_push(**changes: Any) -> PushContent:
    return replace(PushContent(title="Hello", body="World", click_url="https://example.com/"), **changes)


def an_email(**changes: Any) -> EmailContent:
    whole = EmailContent(
        provider_account=bytes(11) + b"\5", from_email="shop@example.com", subject="Hello", html="<p>World</p>"
    )
    return replace(whole, **changes)


def a_call(**changes: Any) -> HttpContent:
    return replace(HttpContent(provider_account=bytes(11) + b"\6"), **changes)


def a_definition(**changes: Any) -> Definition:
    whole = Definition(display_name="Launch", channels=(PUSH,), audience=Audience(filter=b""), content=a_push())
    return replace(whole, **changes)


def a_campaign(state: State = State.DRAFT, **changes: Any) -> Campaign:
    whole = Campaign(
        id=bytes(11) + b"\1",
        tenant=bytes(11) + b"\2",
        project=bytes(11) + b"\3",
        definition=a_definition(),
        state=state,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(whole, **changes)


def a_run(**changes: Any) -> Run:
    whole = Run(
        id=bytes(11) + b"\4",
        tenant=bytes(11) + b"\2",
        campaign=bytes(11) + b"\1",
        state=RunState.PREPARING,
        message_count=10,
        contact_count=9,
        queued=10,
        started_at=NOW,
    )
    return replace(whole, **changes)
