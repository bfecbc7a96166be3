"""Owns what the configuration of Envoy is made from."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.settings import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoySettings:
    """Who listens where."""

    campaigns: Address  # the services' gRPC servers
    segments: Address
    delivery: Address
    analytics: Address
    gateway: Address
    native_port: int = 8080  # the native API: REST and plain gRPC
    reachbell_port: int = 8081
    public_port: int = 8088  # what strangers call
    envoy_admin: Address = Address("127.0.0.1:9901")  # Envoy's own pages; never to be reached from outside
    descriptors: str = "proto/gen/carillon.binpb"  # the descriptor set, as Envoy finds it
    bind: str = "127.0.0.1"  # the address that all ports above are opened on
    cors_origins: tuple[str, ...] = ("*",)  # origins whose pages may call; no cookie is ever a credential

    def port_of(self, api: str) -> int:
        """An API's port."""
        port: int = getattr(self, f"{api}_port")
        return port

    def upstream(self, name: str) -> Address:
        """A process' address."""
        address: Address = getattr(self, name)
        return address
