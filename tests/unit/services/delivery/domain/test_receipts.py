"""What counts as a receipt."""

from __future__ import annotations

import datetime

import pytest
from carillon.events.v1 import message_receipts_pb2 as pb

from services.delivery.domain.links import MessagePlace
from services.delivery.domain.receipts import LONGEST_ACTION, WORDS, Receipt, ReceiptKind, read_receipt

NOW = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
PLACE = MessagePlace(b"r" * 12, 1, 2)


@pytest.mark.parametrize(("event", "kind"), [("clicked", ReceiptKind.CLICKED), ("dismissed", ReceiptKind.DISMISSED)])
def test_a_known_event_of_a_true_link_is_a_receipt(event: str, kind: ReceiptKind) -> None:
    assert read_receipt(PLACE, event=event, action="buy", now=NOW) == Receipt(PLACE, kind, "buy", NOW)


@pytest.mark.parametrize("event", ["", "opened", "CLICKED", "clicked "])
def test_an_unknown_event_is_none(event: str) -> None:
    assert read_receipt(PLACE, event=event, action="", now=NOW) is None


def test_a_forged_link_is_none() -> None:
    assert read_receipt(None, event="clicked", action="", now=NOW) is None


def test_an_action_is_kept_as_far_as_a_row_can_hold_it() -> None:
    receipt = read_receipt(PLACE, event="clicked", action="a\0" * 200, now=NOW)

    assert receipt is not None
    assert receipt.action == "a" * LONGEST_ACTION


def test_every_kind_has_a_word_and_the_number_that_events_carry() -> None:
    assert set(WORDS.values()) == set(ReceiptKind) - {ReceiptKind.UNSUBSCRIBED}, "a click must not unsubscribe"
    assert {kind.name: kind.value for kind in ReceiptKind} == {
        name.removeprefix("RECEIPT_KIND_"): number for name, number in pb.ReceiptKind.items() if number
    }
