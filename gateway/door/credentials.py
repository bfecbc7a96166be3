"""Owns turning a credential into a caller: API keys, people's tokens, the operator's key.

Never tells what was wrong with one: no, wrong, revoked and expired are the same 401.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from gateway.accounts.key_ring import KeyRing
from gateway.accounts.tokens import Tokens
from gateway.api import Credential
from gateway.door.query import Query
from gateway.refusal import PLAIN, Refusal
from services.runtime import ids
from services.runtime.errors import Unauthenticated
from services.runtime.identity import OPERATOR_SCOPE, Caller

BEARER = "bearer "


def _unknown() -> Refusal:
    return Refusal(401, PLAIN[401].reason, PLAIN[401].message, www_authenticate="Bearer")


class Credentials:
    """Knows every credential of the installation."""

    def __init__(self, *, key_ring: KeyRing, tokens: Tokens, operator_key: str) -> None:
        self._key_ring = key_ring
        self._tokens = tokens
        self._operator_key = operator_key.encode()

    async def of_headers(self, headers: Mapping[str, str], accepted: frozenset[Credential]) -> Caller:
        """Who is calling, by the headers. Raises Refusal 401 or 403, or Unavailable."""
        key = headers.get("x-api-key")
        if key is not None and Credential.API_KEY in accepted:
            return await self._by_key(key)
        scheme, bearer = (
            headers.get("authorization", "")[: len(BEARER)],
            headers.get("authorization", "")[len(BEARER) :],
        )
        if scheme.lower() != BEARER:
            raise _unknown()
        if Credential.TOKEN in accepted and bearer.count(".") == 2:
            return await self._by_token(bearer.strip(), headers.get("x-org-id", ""))
        if Credential.BEARER_KEY in accepted:
            return await self._by_key(bearer.strip())
        raise _unknown()

    async def of_query(self, query: Query) -> Caller:
        """Who is calling, by `?token=&orgId=` alone. Raises as of_headers."""
        tokens = [value for name, value in query if name == "token"]
        organizations = [value for name, value in query if name == "orgId"]
        if len(tokens) != 1 or len(organizations) > 1:
            raise _unknown()
        return await self._by_token(tokens[0], "".join(organizations))

    async def _by_key(self, secret: str) -> Caller:
        if self._operator_key and hmac.compare_digest(secret.encode(errors="replace"), self._operator_key):
            return Caller(organization=b"", subject="operator", scopes=frozenset({OPERATOR_SCOPE}))
        key = await self._key_ring.find(secret)
        if key is None:
            raise _unknown()
        return Caller(organization=key.tenant, subject=ids.spell("key", key.id), projects=frozenset(key.projects))

    async def _by_token(self, token: str, organization: str) -> Caller:
        try:
            person = await self._tokens.verify(token)
        except Unauthenticated as error:
            raise _unknown() from error
        if not organization:
            raise Refusal(401, "ORGANIZATION_REQUIRED", "Say for which organization the token is used.")
        chosen = ids.parse("org", organization)
        if chosen is None or chosen not in person.organizations:
            raise Refusal(403, "ORGANIZATION_FORBIDDEN", "The token is not good for this organization.")
        # A person's name must never pass for one of our own processes.
        return Caller(organization=chosen, subject="user:" + person.subject)
