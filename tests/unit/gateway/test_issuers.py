"""An issuer that publishes its keys (RFC 7517)."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from gateway.accounts.tokens import Published, Tokens
from services.runtime import ids
from services.runtime.errors import Unauthenticated, Unavailable
from tests.unit.gateway.builders import ISSUER, SEED, TENANT

THEIRS = ec.generate_private_key(ec.SECP256R1())
PUBLISHED = Published(issuer="https://login.example", url="https://login.example/jwks", audience="carillon")
ORGANIZATION = ids.spell("org", TENANT)


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> Tokens:
    published = json.loads(ECAlgorithm.to_jwk(THEIRS.public_key())) | {"kid": "k1", "use": "sig", "alg": "ES256"}
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda self: {"keys": [published]})
    return Tokens(seed=SEED, issuer=ISSUER, published=PUBLISHED)


def signed(kid: str = "k1", **changes: Any) -> str:
    good = {"iss": PUBLISHED.issuer, "aud": "carillon", "sub": "ann", "orgs": [ORGANIZATION], "exp": time.time() + 60}
    claims = {name: value for name, value in (good | changes).items() if value is not None}
    return jwt.encode(claims, THEIRS, algorithm="ES256", headers={"kid": kid})


async def test_a_token_of_a_configured_issuer_is_good(tokens: Tokens) -> None:
    person = await tokens.verify(signed())

    assert (person.subject, person.organizations) == ("ann", frozenset({TENANT}))


@pytest.mark.parametrize(
    "changes",
    [
        {"kid": "k2"},
        {"iss": ISSUER},
        {"iss": "https://elsewhere.example"},
        {"aud": "somebody else"},
        {"aud": None},
        {"exp": None},
        {"exp": 1},
    ],
)
async def test_another_key_issuer_audience_or_time_is_not(tokens: Tokens, changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        await tokens.verify(signed(**changes))


async def test_an_issuer_that_does_not_answer_is_no_verdict(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(self: Any) -> Any:
        raise jwt.PyJWKClientConnectionError("nobody there")

    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", silent)

    with pytest.raises(Unavailable):
        await tokens.verify(signed())


async def test_without_a_configured_issuer_only_ours_is_good() -> None:
    with pytest.raises(Unauthenticated):
        await Tokens(seed=SEED, issuer=ISSUER).verify(signed())
