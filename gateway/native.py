"""Owns the native API as Envoy offers it: the core itself, under /v1 and as plain gRPC; errors by AIP-193."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from carillon.accounts.v1 import accounts_service_pb2
from carillon.analytics.v1 import analytics_service_pb2
from carillon.campaigns.v1 import campaigns_service_pb2, templates_service_pb2
from carillon.delivery.v1 import (
    delivery_service_pb2,
    messages_service_pb2,
    provider_accounts_service_pb2,
    suppressions_service_pb2,
)
from carillon.segments.v1 import segments_service_pb2
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor

from gateway.api import Api, Credential
from gateway.refusal import Reply
from services.runtime.interceptors import DOMAIN

TYPE = "type.googleapis.com/google.rpc."

# HTTP status → the word of google.rpc.Code that AIP-193 puts beside it.
CODES: Mapping[int, grpc.StatusCode] = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    409: grpc.StatusCode.ABORTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,
    502: grpc.StatusCode.UNAVAILABLE,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def render(reply: Reply, request_id: str) -> Mapping[str, Any]:
    """`{"error": {"code", "message", "status", "details"}}`, details as the core's own."""
    details: list[Mapping[str, Any]] = [{"@type": TYPE + "ErrorInfo", "reason": reply.reason, "domain": DOMAIN}]
    if reply.field:
        violations = [{"field": reply.field, "description": reply.message}]
        details.append({"@type": TYPE + "BadRequest", "fieldViolations": violations})
    details.append({"@type": TYPE + "RequestInfo", "requestId": request_id})
    code = CODES.get(reply.status, grpc.StatusCode.INVALID_ARGUMENT)
    return {"error": {"code": reply.status, "message": reply.message, "status": code.name, "details": details}}


def _service(file: FileDescriptor, name: str) -> tuple[ServiceDescriptor]:
    return (file.services_by_name[name],)


# Services one by one: what is not listed, such as the feeds between services, is not offered.
NATIVE = Api(
    name="native",
    upstreams={
        "gateway": _service(accounts_service_pb2.DESCRIPTOR, "AccountsService"),
        "campaigns": (
            *_service(campaigns_service_pb2.DESCRIPTOR, "CampaignsService"),
            *_service(templates_service_pb2.DESCRIPTOR, "TemplatesService"),
        ),
        "segments": _service(segments_service_pb2.DESCRIPTOR, "SegmentsService"),
        "delivery": (
            *_service(delivery_service_pb2.DESCRIPTOR, "DeliveryService"),
            *_service(provider_accounts_service_pb2.DESCRIPTOR, "ProviderAccountsService"),
            *_service(suppressions_service_pb2.DESCRIPTOR, "SuppressionsService"),
            *_service(messages_service_pb2.DESCRIPTOR, "MessagesService"),
        ),
        "analytics": _service(analytics_service_pb2.DESCRIPTOR, "AnalyticsService"),
    },
    credentials=frozenset({Credential.API_KEY, Credential.TOKEN}),
    render=render,
    json_names_only=False,
    is_core=True,
)
