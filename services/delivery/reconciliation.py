"""Owns the balance: what was to be sent against what became of it, in every book that is kept.

Never mends a difference: it says it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from carillon.campaigns.v1.campaigns_pb2 import Campaign
from carillon.campaigns.v1.campaigns_service_pb2 import GetCampaignRequest, ListRunsRequest
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub
from carillon.delivery.v1.delivery_pb2 import ReceiptCounts, Reconciliation, StateCounts
from carillon.feeds.v1.ledger_feed_service_pb2 import CountRunsRequest, CountRunsResponse
from carillon.feeds.v1.ledger_feed_service_pb2_grpc import LedgerFeedServiceStub

from services import names
from services.delivery import claim_repository, messages, outcome_repository, receipt_repository
from services.delivery.domain.receipts import ReceiptKind
from services.message_states import MessageState
from services.runtime.database import Database, Transaction
from services.runtime.errors import NotFound

MOST_RUNS = 1000
QUEUED = (MessageState.SENT, MessageState.FAILED, MessageState.EXPIRED, MessageState.UNKNOWN)
RUNNING = (Campaign.STATE_ACTIVE, Campaign.STATE_PAUSED)


@dataclass(frozen=True, slots=True)
class Book:
    """What delivery's own rows say of some runs."""

    audience: int
    frozen: bool
    here: int  # messages of the chunks that are here
    waiting: int  # messages that are due or claimed
    counts: dict[int, int]
    reasons: dict[tuple[int, str], int]  # by state and reason
    receipts: dict[int, int]  # by kind
    repeated: int

    @property
    def by_reason(self) -> dict[str, int]:
        """Final messages by reason, whatever their state."""
        sums: Counter[str] = Counter()
        for (_, reason), count in self.reasons.items():
            sums[reason] += count
        return sums

    @property
    def suppressed_by_reason(self) -> dict[str, int]:
        """SUPPRESSED messages by reason."""
        return {reason: count for (state, reason), count in self.reasons.items() if state == MessageState.SUPPRESSED}


async def read_book(tx: Transaction, runs: Sequence[bytes]) -> Book:
    """Count delivery's rows now, in one snapshot."""
    await tx.raw.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    row = await tx.raw.fetchrow(
        """SELECT coalesce(sum(coalesce(t.messages, (SELECT sum(size) FROM chunk WHERE run = r.id), 0)), 0)::int AS n,
                  count(t.run) = count(*) AS frozen,
                  (SELECT coalesce(sum(size), 0)::int FROM chunk WHERE run = ANY($1::bytea[])) AS here
             FROM unnest($1::bytea[]) AS r(id) LEFT JOIN total t ON t.run = r.id""",
        list(runs),
    )
    return Book(
        audience=row["n"],
        frozen=row["frozen"],
        here=row["here"],
        waiting=await claim_repository.waiting(tx, runs),
        counts=await outcome_repository.counts(tx, runs),
        reasons=await outcome_repository.reasons(tx, runs),
        receipts=await receipt_repository.by_kind(tx, runs),
        repeated=await outcome_repository.repeated(tx, runs),
    )


class Reconciler:
    """Compares the books."""

    def __init__(self, *, database: Database, campaigns: CampaignsServiceStub, ledger: LedgerFeedServiceStub) -> None:
        self._database = database
        self._campaigns = campaigns
        self._ledger = ledger

    async def reconcile(self, name: str) -> Reconciliation:
        """The balance of a campaign or of one of its runs; campaigns decides whether the caller may ask."""
        campaign_name, wanted = _split(name)
        campaign = await self._campaigns.GetCampaign(GetCampaignRequest(name=campaign_name))
        listed = await self._campaigns.ListRuns(ListRunsRequest(parent=campaign_name, page_size=MOST_RUNS))
        runs = [run for run in (_run_id(item.name) for item in listed.runs) if wanted in (None, run)]
        if wanted is not None and not runs:
            raise NotFound("RUN_NOT_FOUND", "There is no such run.", field="name")
        book = await self._database.transaction(lambda tx: read_book(tx, runs))
        other: CountRunsResponse = await self._ledger.CountRuns(CountRunsRequest(runs=runs))
        shown = campaign if wanted is None else None
        announced = sum(item.message_count for item in listed.runs if _run_id(item.name) in runs)
        return self._balance(name, book, other, campaign=shown, announced=None if _is_open(campaign) else announced)

    def _balance(
        self, name: str, book: Book, other: CountRunsResponse, *, campaign: Campaign | None, announced: int | None
    ) -> Reconciliation:
        """`campaign` where all of it is asked about; `announced` is what its runs show, None while that may change."""
        delivery = _with_pending(messages.state_counts(book.counts), book.audience)
        analytics = _with_pending(other.rows, book.audience)
        shown = _with_pending(other.counters, book.audience)
        receipts = messages.receipt_counts(book.receipts)
        differences = [
            *([] if book.frozen else ["The audience is not frozen yet."]),
            *_differences("delivery", delivery, "analytics", analytics),
            *_differences("analytics", analytics, "the counters shown", shown),
            *_shown_differences(campaign, book),
            *_places(book),
            *_announced_differences(announced, book),
            *_receipt_differences("delivery", receipts, "analytics", other.receipt_rows),
            *_receipt_differences("analytics", other.receipt_rows, "the counters shown", other.receipt_counters),
        ]
        return Reconciliation(
            name=name,
            audience=book.audience,
            delivery=delivery,
            analytics=analytics,
            shown=shown,
            reasons=book.by_reason,
            suppressed_by_reason=book.suppressed_by_reason,
            delivery_receipts=receipts,
            analytics_receipts=other.receipt_rows,
            shown_receipts=other.receipt_counters,
            repeated=book.repeated,
            differences=differences,
            balanced=not differences and delivery.pending == 0,
        )


def _split(name: str) -> tuple[str, bytes | None]:
    if "/runs/" in name:
        return name.rpartition("/runs/")[0], names.split(name, "projects", "campaigns", "runs")[2]
    names.split(name, "projects", "campaigns")
    return name, None


def _run_id(name: str) -> bytes:
    run = names.split(name, "projects", "campaigns", "runs")[2]
    assert run is not None
    return run


def _with_pending(counts: StateCounts, audience: int) -> StateCounts:
    final = sum(value for state, value in messages.counted(counts).items() if state != MessageState.PENDING)
    copy = StateCounts()
    copy.CopyFrom(counts)
    copy.pending = audience - final
    return copy


def _differences(one_name: str, one: StateCounts, other_name: str, other: StateCounts) -> list[str]:
    pairs = zip(messages.counted(one).items(), messages.counted(other).values(), strict=True)
    return [
        f"{MessageState(state).name}: {one_name} has {mine}, {other_name} {theirs}."
        for (state, mine), theirs in pairs
        if mine != theirs
    ]


def _shown_differences(campaign: Campaign | None, book: Book) -> list[str]:
    """What the campaign shows as queued must be what is left of its audience, once it is at rest."""
    if campaign is None or _is_open(campaign):
        return []
    queued = sum(book.counts.get(int(state), 0) for state in QUEUED)
    if campaign.queued_message_count == queued:
        return []
    return [f"The campaign shows {campaign.queued_message_count} queued, delivery's rows say {queued}."]


def _is_open(campaign: Campaign) -> bool:
    return campaign.state in RUNNING


def _places(book: Book) -> list[str]:
    """Every message of a chunk is due, claimed or final, and in one of these alone."""
    final = sum(book.counts.values())
    if final + book.waiting == book.here:
        return []
    return [f"Of {book.here} messages that are here {final} are final and {book.waiting} wait."]


def _announced_differences(announced: int | None, book: Book) -> list[str]:
    """What the campaign's runs show as their size must be their audience, once it is at rest."""
    if announced is None or not book.frozen or announced == book.audience:
        return []
    return [f"The campaign's runs show {announced} messages, the frozen audience has {book.audience}."]


def _receipt_differences(one_name: str, one: ReceiptCounts, other_name: str, other: ReceiptCounts) -> list[str]:
    return [
        f"{kind.name}: {one_name} has {getattr(one, kind.name.lower())}, "
        f"{other_name} {getattr(other, kind.name.lower())}."
        for kind in ReceiptKind
        if getattr(one, kind.name.lower()) != getattr(other, kind.name.lower())
    ]
