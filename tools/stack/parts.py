"""Owns the names of the stack's parts; imports nothing, since the liveness listener is built on it."""

from __future__ import annotations

SERVICES = ("campaigns", "segments", "delivery", "analytics", "gateway")
PARTS = ("postgres", "kafka", "sandbox", *SERVICES, "envoy")


def part_of(program: str) -> str:
    """`delivery` for `delivery-2`; every other program is called like its part."""
    return program.partition("-")[0]
