"""VAPID tokens, verified by implementations that are not ours."""

from __future__ import annotations

import base64
import concurrent.futures
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02

from services.delivery.senders.vapid import VapidSigner

SUBJECT = "mailto:operator@example.com"
ORIGIN = "https://push.example.net"


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def _signer(clock: Clock | None = None) -> VapidSigner:
    return VapidSigner(ec.generate_private_key(ec.SECP256R1()), SUBJECT, now=clock or Clock())


def _claims(header: bytes) -> dict[str, object]:
    token, key = header.decode().removeprefix("vapid t=").split(", k=")
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64.urlsafe_b64decode(key + "="))
    return dict(jwt.decode(token, point, algorithms=["ES256"], audience=ORIGIN, options={"verify_exp": False}))


def test_a_token_names_origin_subject_and_an_expiry_within_a_day() -> None:
    clock = Clock()

    claims = _claims(_signer(clock).authorization(ORIGIN))

    assert claims["aud"] == ORIGIN
    assert claims["sub"] == SUBJECT
    assert clock.now < float(str(claims["exp"])) <= clock.now + 24 * 3600


def test_py_vapid_verifies_it_too() -> None:
    header = _signer().authorization(ORIGIN).decode()

    assert Vapid02.verify(header.replace(", ", ","))  # it cannot read the space that RFC 9110 §5.6.1 allows


def test_one_token_serves_an_origin_for_hours_and_is_renewed_before_it_ends() -> None:
    clock = Clock()
    signer = _signer(clock)
    first = signer.authorization(ORIGIN)

    clock.now += 3600
    assert signer.authorization(ORIGIN) == first

    clock.now += 6 * 3600
    assert float(str(_claims(first)["exp"])) > clock.now
    assert signer.authorization(ORIGIN) != first


def test_origins_have_tokens_of_their_own() -> None:
    signer = _signer()

    assert signer.authorization(ORIGIN) != signer.authorization("https://other.example.net")


def test_threads_that_ask_at_once_get_one_token() -> None:
    signer = _signer()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        headers = set(pool.map(lambda _: signer.authorization(ORIGIN), range(64)))

    assert len(headers) == 1


def test_the_cache_does_not_grow_with_the_origins_that_strangers_name() -> None:
    signer = _signer()

    for number in range(1_005):
        signer.authorization(f"https://{number}.example.net")

    assert len(signer._tokens) <= 1_000


def test_a_key_is_read_from_the_32_bytes_that_web_push_tools_print() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    printed = base64.urlsafe_b64encode(key.private_numbers().private_value.to_bytes(32)).rstrip(b"=").decode()

    assert VapidSigner.from_base64url(printed, SUBJECT).public_key == VapidSigner(key, SUBJECT).public_key


@pytest.mark.parametrize("printed", ["", "AAAA", "!", "A" * 43, "_" * 43])
def test_a_key_that_is_none_is_refused_at_once(printed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        VapidSigner.from_base64url(printed, SUBJECT)


def test_a_key_on_another_curve_and_a_subject_that_reaches_nobody_are_refused() -> None:
    with pytest.raises(ValueError, match="P-256"):
        VapidSigner(ec.generate_private_key(ec.SECP384R1()), SUBJECT)
    with pytest.raises(ValueError, match="subject"):
        VapidSigner(ec.generate_private_key(ec.SECP256R1()), "operator")
