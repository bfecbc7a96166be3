"""Owns an API's OpenAPI 3.1 document: its paths and what each operation takes and answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from carillon.dialects.v1.answers_pb2 import AnswerRule, answers
from google.protobuf.descriptor import Descriptor

from gateway.api import Api, Credential
from gateway.door.body import JSON_TYPES, is_needed, taken
from gateway.door.fields import Checker
from gateway.door.query import fits_a_query
from gateway.idempotency import KEY
from gateway.openapi import refusals
from gateway.openapi.comments import Comments
from gateway.openapi.schemas import Schemas
from gateway.routes import VARIABLE, Route

Json = dict[str, Any]

SCHEMES: dict[str, Json] = {
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "organization": {"type": "apiKey", "in": "header", "name": "x-org-id"},
    "queryToken": {"type": "apiKey", "in": "query", "name": "token"},
    "queryOrganization": {"type": "apiKey", "in": "query", "name": "orgId"},
}
WAYS: dict[Credential, Json] = {Credential.API_KEY: {"key": []}, Credential.TOKEN: {"token": [], "organization": []}}
IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key and body are answered the same for 24 hours, and have one effect.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
assert IDEMPOTENCY_KEY["name"].lower() == KEY


def document(api: Api, comments: Comments, *, server: str) -> Json:
    """The whole document."""
    schemas = Schemas(comments)
    paths: dict[str, Json] = {}
    for route in sorted(api.routes(), key=lambda route: (route.template, route.verb)):
        operation = _operation(api, route, schemas, comments)
        paths.setdefault(_path(api, route), {})[route.verb.lower()] = operation
    components = {
        "schemas": {**schemas.components, refusals.ERROR: refusals.shape(api)},
        "responses": refusals.responses(api),
        "securitySchemes": SCHEMES,
    }
    title = ", ".join(comments[service.full_name] for service in api.services)
    told = {"openapi": "3.1.0", "info": {"title": f"{api.name}: Campaigns API", "version": "v1", "description": title}}
    return told | ({"servers": [{"url": server}]} if server else {}) | {"paths": paths, "components": components}


def _path(api: Api, route: Route) -> str:
    return VARIABLE.sub(lambda match: "{" + _spelled(api, route, match[1]) + "}", route.template)


def _spelled(api: Api, route: Route, variable: str) -> str:
    field = route.method.input_type.fields_by_name.get(variable)
    return str(field.json_name) if field is not None and api.json_names_only else variable


def _operation(api: Api, route: Route, schemas: Schemas, comments: Comments) -> Json:
    text = comments[route.method.full_name]
    operation: Json = {
        "operationId": route.method.name,
        "summary": re.split(r"(?<=[.;]) ", text)[0],
        "description": text,
        "parameters": [*_parameters(api, route, schemas, comments)],
        "responses": _responses(route, schemas) | refusals.references(),
        "security": [{"queryToken": [], "queryOrganization": []}]
        if route.rule.query_token
        else [way for credential, way in WAYS.items() if credential in api.credentials],
    }
    body = _body(api, route, schemas)
    return operation | ({"requestBody": body} if body else {})


def _parameters(api: Api, route: Route, schemas: Schemas, comments: Comments) -> Iterator[Json]:
    request: Descriptor = route.method.input_type
    for match in VARIABLE.finditer(route.template):
        described = comments[f"{request.full_name}.{match[1]}"]
        yield _parameter(_spelled(api, route, match[1]), "path", described, {"type": "string", "minLength": 1})
    if route.body != "*":
        for field in request.fields:
            if field.name not in (*route.variables, route.body) and fits_a_query(field):
                described = comments[f"{request.full_name}.{field.name}"]
                yield _parameter(field.json_name, "query", described, schemas.parameter(field))
    if route.verb == "POST":
        yield IDEMPOTENCY_KEY


def _parameter(name: str, place: str, description: str, schema: Json) -> Json:
    told = {"name": name, "in": place, "description": description, "schema": schema}
    return told | ({"required": True} if place == "path" else {})


def _body(api: Api, route: Route, schemas: Schemas) -> Json | None:
    message, bound = taken(route)
    if message is None:
        return None
    schema = schemas.sent(message, without=bound, patched=route.verb == "PATCH")
    needed = is_needed(route, message, bound, Checker(json_names_only=api.json_names_only))
    return {"required": needed, "content": {kind: {"schema": schema} for kind in JSON_TYPES}}


def _responses(route: Route, schemas: Schemas) -> dict[str, Json]:
    rule: AnswerRule = route.method.GetOptions().Extensions[answers]  # type: ignore[index]
    kind, schema = rule.media_type or "application/json", schemas.answered(route.method.output_type)
    answer: Json = {"description": "Done.", "content": {kind: {"schema": schema}}}
    return {str(status): {"description": "Done."} if status == 204 else answer for status in rule.statuses or [200]}
