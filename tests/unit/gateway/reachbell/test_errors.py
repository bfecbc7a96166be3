"""How ReachBell says no."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from gateway import core_errors
from gateway.dialects.reachbell.errors import code_of, field_of, render, reply_of
from gateway.refusal import PLAIN, Reply
from services.runtime import errors, interceptors
from services.runtime.errors import Invalid, NotFound

ROOT = Path(__file__).parents[4]
KINDS = {kind.__name__ for kind in interceptors.CODES}
SOURCES = ("services/campaigns", "services/segments", "services/analytics", "services/runtime", "gateway")
NOT_OURS = ("contacts.py", "push.py", "grpc_api.py", "accounts", "cli")  # not reached through ReachBell's methods

# Words of the core that mean nothing to ReachBell's users.
STRANGE = re.compile(r"audience|display|vendor|channel|attribute|peer|database|delivery_|run_|identity|undecodable")


def reasons() -> Iterator[str]:
    """The reasons that the sources raise, read from their text."""
    for source in SOURCES:
        for path in (ROOT / source).rglob("*.py"):
            if not any(part in NOT_OURS for part in path.parts):
                yield from _reasons(ast.parse(path.read_text()))


def _reasons(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS and node.args:
            reason = node.args[0]
            if isinstance(reason, ast.Constant) and isinstance(reason.value, str):
                yield reason.value


def test_every_reason_has_a_code_in_reachbells_words() -> None:
    found = set(reasons())

    assert len(found) > 20
    assert not {reason for reason in found if STRANGE.search(code_of(reason))}
    assert all(re.fullmatch(r"[a-z][a-z_]+", code_of(reason)) for reason in found)


def test_every_kind_of_error_has_an_http_status() -> None:
    for kind, code in interceptors.CODES.items():
        error = kind("SOME_REASON", "A sentence.")

        assert core_errors.read(error).status == core_errors.STATUSES[code]
    assert set(interceptors.CODES) == set(errors.DomainError.__subclasses__())


def test_every_status_is_said_in_the_same_four_keys() -> None:
    for reply in PLAIN.values():
        rendered = render(reply, "r")

        assert rendered.keys() == {"error"}
        assert rendered["error"].keys() == {"code", "message", "field", "requestId"}


@pytest.mark.parametrize(
    ("core", "reachbell"),
    [
        ("name", "id"),
        ("display_name", "name"),
        ("campaign.display_name", "name"),
        ("parent", "projectId"),
        ("push_content", "content"),
        ("push_content.title", "content.title"),
        ("push_content.click_url", "content.clickUrl"),
        ("push_content.actions[2].url", "content.actions[2].url"),
        ("audience", "segment"),
        ("audience.segment", "segment.savedSegmentId"),
        ("audience.filter.all_of.filters[0].condition.values", "segment.filters"),
        ("schedule.start_time", "schedule.sendAt"),
        ("schedule.time_zone", "schedule.timezone"),
        ("utm.source", "utm.source"),
        ("channels", ""),
        ("schedule.sendAt", "schedule.sendAt"),
        ("segment.filters.country[0]", "segment.filters.country[0]"),
        ("", ""),
    ],
)
def test_fields_have_reachbells_names(core: str, reachbell: str) -> None:
    assert field_of(core) == reachbell


def test_an_unknown_attribute_is_named_in_its_place() -> None:
    error = Invalid(
        "UNKNOWN_ATTRIBUTE",
        "Nobody ever carried it.",
        field="audience.filter.all_of.filters[0].condition.attribute",
        metadata={"attribute": "contry"},
    )

    reply = reply_of(core_errors.read(error))

    assert reply == Reply(400, "UNKNOWN_ATTRIBUTE", "Nobody ever carried it.", "segment.filters.contry")


def test_a_refusal_of_a_peer_reads_like_our_own() -> None:
    error = NotFound("CAMPAIGN_NOT_FOUND", "There is no such campaign.", field="name")
    details = interceptors.status_of(error).SerializeToString()
    metadata = grpc.aio.Metadata((interceptors.DETAILS_KEY, details))
    call = grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), metadata, details="x")

    assert core_errors.read(call) == core_errors.read(error)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (grpc.StatusCode.UNAVAILABLE, 503),
        (grpc.StatusCode.INTERNAL, 503),
        (grpc.StatusCode.UNKNOWN, 503),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 504),
    ],
)
def test_a_peer_that_failed_shows_nothing_of_it(code: grpc.StatusCode, status: int) -> None:
    call = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details="secret stack")

    error = core_errors.read(call)

    assert (error.status, "secret" in error.message) == (status, False)


def test_an_error_always_fits_into_a_header() -> None:
    rendered = render(Reply(400, "X", "é" * 100_000, "f" * 100_000), "r" * 36)

    assert len(json.dumps(rendered)) < 4096
    assert json.dumps(rendered).isascii()
