"""Push encryption: the RFCs' own examples, and an implementation that is not ours."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.delivery.senders.push_encryption import MAX_BODY, MAX_PLAINTEXT, _encrypt_with, _seal, encrypt
from tests.unit.services.delivery.senders.loopback import BROWSER


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_example_of_rfc_8291_section_5_comes_out_exactly() -> None:
    scalar = int.from_bytes(_decoded("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))

    body = _encrypt_with(
        b"When I grow up, I want to be a watermelon",
        p256dh=_decoded("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        auth=_decoded("BTBZMqHH6r4Tts7J_aSIgg"),
        ephemeral=ec.derive_private_key(scalar, ec.SECP256R1()),
        salt=_decoded("DGv6ra1nlYgDCS1FRnbzlw"),
    )

    assert body == _decoded(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
        "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


def test_the_example_of_rfc_8188_section_3_1_comes_out_exactly() -> None:
    ikm, salt = _decoded("yqdlZ-tYemfogSmv7Ws5PQ"), _decoded("I1BsxtFttlv3u_Oo94xnmw")

    body = _seal(b"I am the walrus", ikm=ikm, salt=salt, key_id=b"")

    assert body == _decoded("I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg")


@settings(deadline=None, max_examples=60)
@given(payload=st.binary(max_size=MAX_PLAINTEXT))
def test_what_is_encrypted_is_read_by_another_implementation(payload: bytes) -> None:
    body = encrypt(payload, p256dh=BROWSER.p256dh, auth=BROWSER.auth)

    assert BROWSER.read(body) == payload
    assert len(body) <= MAX_BODY


def test_the_largest_payload_fills_the_body_to_its_last_byte() -> None:
    assert len(encrypt(b"x" * MAX_PLAINTEXT, p256dh=BROWSER.p256dh, auth=BROWSER.auth)) == MAX_BODY
    with pytest.raises(ValueError, match="too large"):
        encrypt(b"x" * (MAX_PLAINTEXT + 1), p256dh=BROWSER.p256dh, auth=BROWSER.auth)


def test_no_two_messages_share_a_salt_or_an_ephemeral_key() -> None:
    bodies = [encrypt(b"same", p256dh=BROWSER.p256dh, auth=BROWSER.auth) for _ in range(20)]

    assert len({body[:16] for body in bodies}) == len({body[21:86] for body in bodies}) == 20


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        (b"", b"a" * 16),
        (b"\x04" + b"\x01" * 64, b"a" * 16),  # not on the curve
        (b"\x02" + BROWSER.p256dh[1:33], b"a" * 16),  # compressed
        (b"\x00" * 65, b"a" * 16),
        (BROWSER.p256dh, b"a" * 15),
        (BROWSER.p256dh, b""),
    ],
)
def test_keys_that_no_browser_gives_are_refused(p256dh: bytes, auth: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        encrypt(b"hello", p256dh=p256dh, auth=auth)
