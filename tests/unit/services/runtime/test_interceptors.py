"""Every error has one status, and the status says what it was."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct
from google.rpc import error_details_pb2

from services.runtime.errors import Conflict, DomainError, Invalid
from services.runtime.interceptors import CODES, DOMAIN, INTERNAL_PREFIXES, OPEN_PREFIXES, _same_bytes, status_of


def kinds_of_error(kind: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    for derived in kind.__subclasses__():
        yield derived
        yield from kinds_of_error(derived)


def test_every_kind_of_error_has_a_status_and_no_two_share_one() -> None:
    assert set(CODES) == set(kinds_of_error())
    assert len(set(CODES.values())) == len(CODES)


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.__name__)
def test_a_status_carries_the_reason_and_the_sentence(kind: type[DomainError]) -> None:
    status = status_of(kind("SOME_REASON", "A sentence.", metadata={"state": "DRAFT"}))

    (packed,) = status.details
    info = error_details_pb2.ErrorInfo()
    assert packed.Unpack(info)
    assert (info.reason, info.domain, dict(info.metadata)) == ("SOME_REASON", DOMAIN, {"state": "DRAFT"})
    assert (status.message, status.code) == ("A sentence.", CODES[kind].value[0])


def test_a_field_at_fault_is_named() -> None:
    status = status_of(Invalid("TEXT_TOO_LONG", "At most 200 characters.", field="push_content.title"))

    request = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(request)
    assert [(one.field, one.description) for one in request.field_violations] == [
        ("push_content.title", "At most 200 characters.")
    ]


def test_a_conflict_is_aborted_since_that_is_409() -> None:
    assert CODES[Conflict] is grpc.StatusCode.ABORTED


def test_no_method_is_both_open_and_internal() -> None:
    assert not any(inner.startswith(OPEN_PREFIXES) for inner in INTERNAL_PREFIXES)


def test_an_answer_with_a_map_is_the_same_bytes_whatever_the_order_it_was_filled_in() -> None:
    up, down = Struct(), Struct()
    up.update({f"key {number}": number for number in range(50)})
    down.update({f"key {number}": number for number in reversed(range(50))})

    assert _same_bytes(up) == _same_bytes(down)
    assert Struct.FromString(_same_bytes(up)) == up
