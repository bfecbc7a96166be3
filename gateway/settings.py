"""Owns what the gateway is told from outside."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.settings import Address, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """No Kafka: the gateway has no events."""

    listen: Address  # where its gRPC server listens: accounts, the door, the dialects
    http_listen: Address  # where its pages for operators listen
    database_url: str  # postgresql+asyncpg://role:password@host:port/database
    identity_secret: Secret  # signs the identity tokens that services verify
    token_key: Secret  # the Ed25519 seed that signs people's tokens
    operator_key: str  # the x-api-key of whoever runs the installation
    campaigns: Address  # keeps campaigns
    segments: Address  # keeps contacts and segments
    delivery: Address  # keeps messages
    analytics: Address  # keeps numbers
    token_issuer: str = "carillon"  # `iss` of our own tokens
    jwks_url: str = ""  # where another issuer publishes its keys; none where empty
    jwks_issuer: str = ""  # that issuer's `iss`
    jwks_audience: str = ""  # the `aud` that its tokens must carry; any where empty
    log_level: str = "info"
