"""Owns a campaign's numbers at one instant, and when they are the last.

Never reads them. The numbers of `state` are those of carillon.campaigns.v1.Campaign.State.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from services.analytics.domain.counts import Counts
from services.analytics.domain.receipts import ReceiptCounts


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of one instant."""

    tenant: bytes
    project: bytes
    campaign: bytes
    state: int
    queued: int
    counts: Counts
    receipts: ReceiptCounts
    campaign_revision: int
    final: bool  # whether campaigns has said that nothing will change any more
    at: datetime.datetime

    @property
    def revision(self) -> int:
        """Grows with every change of the numbers or the state."""
        return self.campaign_revision + self.counts.progress + self.receipts.progress

    @property
    def is_last(self) -> bool:
        """Whether nothing will change any more; a cancelled campaign is, once what was on its way is counted."""
        return self.final

    def news_after(self, shown: Snapshot) -> bool:
        """Whether somebody who was shown that one should see this one."""
        return self.revision > shown.revision or (self.is_last and not shown.is_last)
