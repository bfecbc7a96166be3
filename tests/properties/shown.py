"""Owns how a campaign that the world knows must be shown, and how an error must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.properties.asking import Answer
from tests.properties.rules import Rules
from tools.client import Json

if TYPE_CHECKING:
    from tests.properties.oracle import Kept


class Unexplained(Exception):
    """Raised when the rules and the world before do not lead to an answer; says what should have been."""


def equal(what: str, found: Any, expected: Any) -> None:
    """Raise Unexplained unless they are."""
    if found != expected:
        raise Unexplained(f"{what} is {found!r}, not {expected!r}")


def check_error(answer: Answer, *, native: bool) -> None:
    """No 5xx, and the one shape."""
    if answer.status >= 500:
        raise Unexplained(f"answered {answer}")
    if not native:
        equal("error", sorted(answer.object.get("error", {})), ["code", "field", "message", "requestId"])


def check_shown(kept: Kept, shown: Json, *, project: str, rules: Rules) -> None:
    """Everything that the world knows of the campaign, and numbers that may be."""
    definition = kept.definition
    equal("id", shown.get("id"), kept.id)
    equal("projectId", shown["projectId"], project)
    equal("status", shown["status"], kept.state)
    equal("name", shown["name"], definition["name"])
    equal("content", _said(shown.get("content")), _said(definition.get("content")))
    equal("utm", _said(shown.get("utm")), _said(definition.get("utm")))
    equal("segment", shown.get("segment"), definition.get("segment"))
    if kept.state in ("draft", "scheduled"):
        equal("schedule", shown["schedule"], definition.get("schedule", {"mode": "draft"}))
    equal("createdAt", shown["createdAt"], kept.created_at)
    if shown["updatedAt"] < shown["createdAt"]:
        raise Unexplained("updated before it was made")
    _check_numbers(kept, shown["stats"], rules)


def check_row(kept: Kept, row: Mapping[str, str], *, rules: Rules) -> None:
    """The same of a campaign's row in a CSV."""
    equal("name", row["name"], kept.definition["name"])
    equal("status", row["status"], kept.state)
    equal("createdAt", row["createdAt"], kept.created_at)
    counts = {name: int(row[name]) for name in ("queued", "sent", "delivered", "clicked", "dismissed", "failed")}
    rates = {name: float(row[name]) for name in ("ctr", "deliveryRate")}
    _check_numbers(kept, counts | rates, rules)


def _said(part: Json | None) -> Json:
    """Without what says nothing: a part that was emptied may be shown as absent."""
    return {key: value for key, value in (part or {}).items() if value not in ("", [])}


def _check_numbers(kept: Kept, stats: Mapping[str, Any], rules: Rules) -> None:
    queued, sent, failed = stats["queued"], stats["sent"], stats["failed"]
    done = sum(stats[name] for name in rules.counted)
    launched = kept.launched or 0
    if kept.state == "cancelled" and not done <= queued <= launched:
        raise Unexplained(f"{done} of {queued} queued, {launched} at the launch")
    if kept.state != "cancelled":
        equal("queued", queued, launched)
    if not kept.sent <= sent <= done <= queued:
        raise Unexplained(f"{sent} sent and {failed} failed of {queued}, {kept.sent} sent before")
    if kept.state == "sent":
        equal("sent and failed, at rest,", done, queued)
    equal("delivered", stats["delivered"], sent)
    equal("clicked, dismissed, ctr", [stats[name] for name in ("clicked", "dismissed", "ctr")], [0, 0, 0])
    equal("deliveryRate", stats["deliveryRate"], round(sent / queued, 4) if queued else 0)
