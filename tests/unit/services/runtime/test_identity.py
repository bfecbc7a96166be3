"""Only a fresh token, signed by us for us, says who is calling."""

from __future__ import annotations

import base64
import contextvars
import time
from typing import Any

import jwt
import pytest

from services.runtime.errors import Forbidden, NotFound, Unauthenticated
from services.runtime.identity import (
    AUDIENCE,
    LIFETIME_SECONDS,
    Caller,
    IdentityTokens,
    bind_caller,
    current_caller,
)

SECRET = bytes(range(32))
ORGANIZATION, PROJECT, OTHER_PROJECT = bytes(12), bytes(11) + b"\1", bytes(11) + b"\2"


def a_caller(**changes: Any) -> Caller:
    return Caller(**{"organization": ORGANIZATION, "subject": "key:1"} | changes)


def a_token(*, secret: bytes = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    """A token as we sign it, but for the changes; a claim that is None is left out."""
    claims = {"aud": AUDIENCE, "sub": "key:1", "exp": int(time.time()) + 60, "org": ORGANIZATION.hex()} | changes
    present = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(present, secret, algorithm=algorithm)


def an_unsigned_token() -> str:
    """One that says of itself that it needs no signature."""
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    return f"{head}.{a_token().split('.')[1]}."


def test_a_caller_is_read_back_whole() -> None:
    caller = a_caller(scopes=frozenset({"operator"}), projects=frozenset({PROJECT, OTHER_PROJECT}))

    verified = IdentityTokens(SECRET).verify(IdentityTokens(SECRET).sign(caller))

    assert verified == caller


def test_the_token_of_these_tests_is_good_where_nothing_is_changed() -> None:
    assert IdentityTokens(SECRET).verify(a_token()) == a_caller()


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("x.y.z", id="no token"),
        pytest.param(a_token(exp=int(time.time()) - 1), id="expired"),
        pytest.param(a_token(exp=None), id="for ever"),
        pytest.param(a_token(aud="somebody-else"), id="another audience"),
        pytest.param(a_token(aud=None), id="no audience"),
        pytest.param(a_token(sub=None), id="nobody"),
        pytest.param(a_token(secret=bytes(32)), id="another secret"),
        pytest.param(an_unsigned_token(), id="unsigned"),
        pytest.param(a_token(secret=SECRET * 2, algorithm="HS512"), id="another algorithm"),
        pytest.param(a_token()[:-2], id="cut off"),
    ],
)
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        IdentityTokens(SECRET).verify(token)

    assert refused.value.reason == "IDENTITY_INVALID"


def test_a_token_is_good_for_a_minute() -> None:
    token = IdentityTokens(SECRET).sign(a_caller())

    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience=AUDIENCE)

    assert claims["exp"] - time.time() == pytest.approx(LIFETIME_SECONDS, abs=2)


def test_a_callers_next_calls_carry_the_same_token_until_it_is_signed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, now = IdentityTokens(SECRET), time.time()

    def signed_after(seconds: float) -> str:
        monkeypatch.setattr("services.runtime.identity.time.time", lambda: now + seconds)
        return tokens.sign(a_caller())

    assert signed_after(0) == signed_after(19) != signed_after(21)
    assert signed_after(21) != signed_after(-5), "a clock that was set back must not keep a token for longer"


def test_no_two_callers_share_a_token() -> None:
    tokens = IdentityTokens(SECRET)

    limited = tokens.sign(a_caller(projects=frozenset({PROJECT})))

    assert tokens.sign(a_caller()) != limited
    assert tokens.verify(limited).projects == {PROJECT}


def test_a_token_that_was_good_is_refused_once_it_has_expired() -> None:
    tokens, token = IdentityTokens(SECRET), a_token(exp=int(time.time()) + 1)

    assert tokens.verify(token) == a_caller()
    time.sleep(1.1)
    with pytest.raises(Unauthenticated):
        tokens.verify(token)


def test_changing_what_a_token_says_breaks_its_signature() -> None:
    head, _, signature = a_token().split(".")
    _, other_claims, _ = a_token(org=PROJECT.hex()).split(".")

    with pytest.raises(Unauthenticated):
        IdentityTokens(SECRET).verify(f"{head}.{other_claims}.{signature}")


def test_whoever_belongs_to_no_organization_has_no_tenant() -> None:
    with pytest.raises(Forbidden):
        a_caller(organization=b"").tenant()


def test_a_credential_without_a_list_is_good_for_all_projects() -> None:
    assert a_caller().may_use(PROJECT)


def test_a_limited_credential_is_good_for_its_projects_only() -> None:
    limited = a_caller(projects=frozenset({PROJECT}))

    assert limited.may_use(PROJECT)
    with pytest.raises(NotFound):
        limited.require_project(OTHER_PROJECT)


def test_only_our_own_processes_are_services() -> None:
    assert a_caller(subject="service:delivery").is_service
    assert not a_caller(subject="key:service:delivery").is_service


def test_outside_of_a_call_nobody_is_calling() -> None:
    with pytest.raises(Unauthenticated):
        contextvars.Context().run(current_caller)


def test_a_bound_caller_is_the_caller_of_its_own_context_only() -> None:
    bound, other = contextvars.Context(), contextvars.Context()

    bound.run(bind_caller, a_caller())

    assert bound.run(current_caller) == a_caller()
    with pytest.raises(Unauthenticated):
        other.run(current_caller)
