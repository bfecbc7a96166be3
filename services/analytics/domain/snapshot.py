"""Owns a campaign's numbers at one instant, and when they are the last.

Never reads them. The numbers of `state` are those of carillon.campaigns.v1.Campaign.State.
"""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass

from services.analytics.domain.counts import Counts


class CampaignState(enum.IntEnum):
    """The states in which a campaign ends."""

    COMPLETED = 5
    CANCELLED = 6
    FAILED = 7
    ARCHIVED = 8


ENDS = frozenset(int(state) for state in CampaignState)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of one instant."""

    tenant: bytes
    project: bytes
    campaign: bytes
    state: int
    queued: int
    counts: Counts
    campaign_revision: int
    uncounted_runs: int  # runs whose rows do not equal delivery's totals yet
    at: datetime.datetime

    @property
    def revision(self) -> int:
        """Grows with every change of the numbers or the state."""
        return self.campaign_revision + self.counts.progress

    @property
    def settles(self) -> bool:
        """Whether the campaign is cancelled and what was on its way is still being accounted for."""
        return self.state == CampaignState.CANCELLED and self.uncounted_runs > 0

    @property
    def is_last(self) -> bool:
        """Whether nothing will change any more; a campaign is completed only when its runs are counted."""
        return self.state in ENDS and not self.settles

    def news_after(self, shown: Snapshot) -> bool:
        """Whether somebody who was shown that one should see this one."""
        return self.revision > shown.revision or (self.is_last and not shown.is_last)
