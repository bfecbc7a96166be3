"""Which messages a retry is for, as its request says."""

from __future__ import annotations

from typing import Any

import pytest
from carillon.campaigns.v1.campaigns_service_pb2 import RetryMessagesRequest
from carillon.delivery.v1.delivery_pb2 import MESSAGE_STATE_FAILED, MESSAGE_STATE_SENT, MESSAGE_STATE_UNKNOWN

from services import names
from services.campaigns.retry_messages import retry_from
from services.runtime import ids
from services.runtime.errors import DomainError
from tests.unit.services.campaigns.domain.builders import a_campaign

PROJECT, CAMPAIGN, RUN = (ids.new_id() for _ in range(3))
RUN_NAME = names.join(("projects", PROJECT), ("campaigns", CAMPAIGN), ("runs", RUN))
BOTH = (MESSAGE_STATE_FAILED, MESSAGE_STATE_UNKNOWN)


def read(**fields: Any) -> Any:
    request = RetryMessagesRequest(**{"states": BOTH} | fields)
    return retry_from(request, campaign=a_campaign(id=CAMPAIGN, project=PROJECT), runs={RUN})


def test_states_reasons_and_messages_are_handed_on_each_once() -> None:
    asked = read(
        states=[MESSAGE_STATE_UNKNOWN, *BOTH],
        reasons=["TIMEOUT", "REFUSED", "TIMEOUT"],
        messages=[f"{RUN_NAME}/messages/12-34", f"{RUN_NAME}/messages/0-0", f"{RUN_NAME}/messages/12-34"],
    )

    assert list(asked.states) == sorted(BOTH)
    assert list(asked.reasons) == ["REFUSED", "TIMEOUT"]
    assert list(asked.messages) == [RUN + bytes(8), RUN + (12).to_bytes(4) + (34).to_bytes(4)]


def test_a_message_may_be_named_in_any_project() -> None:
    _, _, rest = RUN_NAME.split("/", 2)

    assert len(read(messages=[f"projects/-/{rest}/messages/0-1"]).messages) == 1


@pytest.mark.parametrize(
    ("fields", "reason", "path"),
    [
        ({"states": []}, "FIELD_REQUIRED", "states"),
        ({"states": [MESSAGE_STATE_FAILED, MESSAGE_STATE_SENT]}, "STATE_NOT_RETRYABLE", "states[1]"),
        ({"states": [0]}, "STATE_NOT_RETRYABLE", "states[0]"),
        ({"reasons": ["OK", "not upper"]}, "REASON_INVALID", "reasons[1]"),
        ({"reasons": [""]}, "REASON_INVALID", "reasons[0]"),
        ({"reasons": ["A"] * 101}, "TOO_MANY_REASONS", "reasons"),
        ({"messages": [f"{RUN_NAME}/messages/0-0"] * 1001}, "TOO_MANY_MESSAGES", "messages"),
    ],
)
def test_what_cannot_be_retried_is_refused_at_its_field(fields: dict[str, Any], reason: str, path: str) -> None:
    with pytest.raises(DomainError) as refused:
        read(**fields)

    assert (refused.value.reason, refused.value.field) == (reason, path)


@pytest.mark.parametrize(
    "name",
    [
        "",
        RUN_NAME,
        f"{RUN_NAME}/messages/",
        f"{RUN_NAME}/messages/1",
        f"{RUN_NAME}/messages/1-",
        f"{RUN_NAME}/messages/01-1",
        f"{RUN_NAME}/messages/1--1",
        f"{RUN_NAME}/messages/9999999999-0",
        f"{RUN_NAME}/messages/²-0",
        f"{RUN_NAME}/messages/1-1/messages/1-1",
        names.join(("projects", ids.new_id()), ("campaigns", CAMPAIGN), ("runs", RUN)) + "/messages/0-0",
        names.join(("projects", PROJECT), ("campaigns", ids.new_id()), ("runs", RUN)) + "/messages/0-0",
        names.join(("projects", PROJECT), ("campaigns", CAMPAIGN), ("runs", ids.new_id())) + "/messages/0-0",
    ],
)
def test_what_is_no_message_of_the_campaign_is_not_found(name: str) -> None:
    with pytest.raises(DomainError) as refused:
        read(messages=[name])

    assert (refused.value.reason, refused.value.field) == ("MESSAGE_NOT_FOUND", "messages[0]")
