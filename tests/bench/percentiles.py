"""Owns telling many measurements in one line."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-round(share * 1000) * len(ordered) // 1000) - 1)]


def milliseconds(values: Sequence[float]) -> str:
    """p50, p99 and the worst of so many seconds."""
    p50, p99 = (percentile(values, share) * 1e3 for share in (0.5, 0.99))
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, worst {max(values) * 1e3:.0f} ms of {len(values):,}"
