"""Owns the progress bar of a campaign."""

from __future__ import annotations

from collections.abc import Iterable

from carillon.analytics.v1.analytics_pb2 import CampaignStats
from carillon.campaigns.v1.campaigns_pb2 import Campaign
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


def word(state: int) -> str:
    """`completed` for STATE_COMPLETED."""
    return Campaign.State.Name(state).removeprefix("STATE_").lower()


def done(stats: CampaignStats) -> int:
    """Messages that have their final state."""
    return stats.sent + stats.failed + stats.suppressed + stats.cancelled + stats.expired + stats.unknown


def show(snapshots: Iterable[CampaignStats], console: Console) -> CampaignStats:
    """Draw until the stream ends; answers the last snapshot."""
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("clicked {task.fields[clicked]}, failed {task.fields[failed]}"),
        TimeElapsedColumn(),
    )
    last = CampaignStats()
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("waiting", total=None, clicked=0, failed=0)
        for last in snapshots:
            finished = done(last)
            progress.update(
                bar,
                description=word(last.state),
                completed=finished,
                total=max(last.queued, finished) or None,
                clicked=last.clicked,
                failed=last.failed + last.expired + last.unknown,
            )
    return last
