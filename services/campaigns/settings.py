"""Owns what this service is told from outside."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.chassis import ChassisSettings
from services.runtime.settings import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignsSettings(ChassisSettings):
    """The chassis' settings and the peers."""

    segments: Address  # counts audiences
    delivery: Address  # is told to hold, go on, stop
    analytics: Address  # says which runs are counted
    gateway: Address  # knows projects
    message_lifetime_seconds: int = 24 * 60 * 60  # after a run's start, what was not sent is EXPIRED
