"""Owns the conversation with Envoy (envoy.service.auth.v3): its question read, the door's answer said.

Never lets in on a doubt: where the database does not answer, the call fails and Envoy asks again for a while.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.auth.v3 import external_auth_pb2 as pb
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationServicer
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.rpc import code_pb2, status_pb2

from gateway.api import Api
from gateway.door.credentials import Credentials
from gateway.door.door import Door, Request
from gateway.door.query import CREDENTIAL_KEYS
from gateway.refusal import Refusal, Reply
from services.runtime.identity import METADATA_KEY, Caller, IdentityTokens

API = "api"  # the key of the context extension that says which API a request came to
SHAPED = "x-carillon-shaped"  # tells edge.lua that an error's body is already in the API's words
CREDENTIAL_HEADERS = ("authorization", "x-api-key", "x-org-id", "cookie")


class AuthorizationApi(AuthorizationServicer):
    """envoy.service.auth.v3.Authorization."""

    def __init__(self, *, apis: Mapping[str, Api], credentials: Credentials, identities: IdentityTokens) -> None:
        self._apis = apis
        self._doors = {name: Door(api, credentials) for name, api in apis.items()}
        self._identities = identities

    async def Check(self, request: pb.CheckRequest, context: Any) -> pb.CheckResponse:
        """Let a request in, with an identity, or say why not."""
        name = request.attributes.context_extensions[API]
        http = request.attributes.request.http
        asked = Request(
            verb=http.method,
            target=http.path,
            headers=http.headers,
            body=http.raw_body or http.body.encode(),
        )
        try:
            return self._admitted(await self._doors[name].admit(asked))
        except Refusal as refusal:
            if asked.is_grpc:
                return _denied(refusal.reply, refusal.reply.message, {})
            rendered = self._apis[name].render(refusal.reply, http.headers.get("x-request-id", ""))
            return _denied(refusal.reply, json.dumps(rendered), {"content-type": "application/json", SHAPED: "1"})

    def _admitted(self, caller: Caller | None) -> pb.CheckResponse:
        identity = [_header(METADATA_KEY, self._identities.sign(caller))] if caller else []
        return pb.CheckResponse(
            status=status_pb2.Status(code=code_pb2.OK),
            ok_response=pb.OkHttpResponse(
                headers=identity,
                headers_to_remove=CREDENTIAL_HEADERS,
                query_parameters_to_remove=CREDENTIAL_KEYS,
            ),
        )


def _denied(reply: Reply, body: str, headers: Mapping[str, str]) -> pb.CheckResponse:
    return pb.CheckResponse(
        status=status_pb2.Status(code=code_pb2.PERMISSION_DENIED),
        denied_response=pb.DeniedHttpResponse(
            status=HttpStatus(code=reply.status),
            headers=[_header(name, value) for name, value in {**headers, **reply.headers}.items()],
            body=body,
        ),
    )


def _header(name: str, value: str) -> HeaderValueOption:
    return HeaderValueOption(
        header=HeaderValue(key=name, value=value),
        append_action=HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    )
