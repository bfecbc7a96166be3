"""Owns what the analytics process is told."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.chassis import ChassisSettings
from services.runtime.settings import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsSettings(ChassisSettings):
    """The chassis' settings and the peers'."""

    campaigns: Address  # asked for campaigns not met yet, and for states
    delivery: Address  # asked for ended runs and their outcomes
