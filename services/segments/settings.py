"""Owns what the segments process is told."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.chassis import ChassisSettings
from services.runtime.settings import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentsSettings(ChassisSettings):
    """The chassis' settings and the peers'."""

    campaigns: Address  # asked for runs without an audience, and whose an earlier campaign is
    delivery: Address  # asked which messages a retry is for, and how far a run's sending is
    analytics: Address  # asked who did nothing with an earlier campaign
    gateway: Address  # asked whose a project is
    allowed_private_hosts: tuple[str, ...] = ()  # `host:port` that may be http and need not be public
