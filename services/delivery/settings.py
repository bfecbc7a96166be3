"""Owns what this service is told from outside."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.chassis import ChassisSettings
from services.runtime.settings import Address, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings(ChassisSettings):
    """The chassis' settings, the peers, and where calls may go."""

    campaigns: Address  # says which runs are open
    segments: Address  # gives missing batches a second time
    analytics: Address  # the other book, for Reconcile
    gateway: Address  # knows projects
    encryption_key: Secret  # seals private keys at rest
    state_dir: str  # this machine's lock files; processes that share it see each other's death
    public_url: str = "http://127.0.0.1:8088"  # where browsers report what people did, without a slash at the end
    allowed_private_hosts: tuple[str, ...] = ()  # host:port that may be http and need not be public
    vapid_subject: str = "mailto:operator@carillon.invalid"  # where a push service reaches the operator (RFC 8292)
    connections_per_origin: int = 32  # to one push service
    claims_at_once: int = 2  # per process; a claim is at most a quarter of a second of sending
    claim_size: int = 2000  # positions at most; fewer where that is more than a quarter of a second of sending
