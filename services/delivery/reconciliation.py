"""Owns the balance: what was to be sent against what became of it, in every book that is kept.

Never mends a difference: it says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carillon.campaigns.v1.campaigns_pb2 import Campaign
from carillon.campaigns.v1.campaigns_service_pb2 import GetCampaignRequest, ListRunsRequest
from carillon.campaigns.v1.campaigns_service_pb2_grpc import CampaignsServiceStub
from carillon.delivery.v1.delivery_pb2 import Reconciliation, StateCounts
from carillon.feeds.v1.ledger_feed_service_pb2 import CountRunsRequest, CountRunsResponse
from carillon.feeds.v1.ledger_feed_service_pb2_grpc import LedgerFeedServiceStub

from services import names
from services.delivery import claim_repository, messages
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
    counts: dict[int, int]
    reasons: dict[str, int]
    repeated: int


async def read_book(tx: Transaction, runs: Sequence[bytes]) -> Book:
    """Count delivery's rows now, in one snapshot."""
    await tx.raw.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    row = await tx.raw.fetchrow(
        """SELECT coalesce(sum(coalesce(t.messages, (SELECT sum(size) FROM chunk WHERE run = r.id), 0)), 0)::int AS n,
                  count(t.run) = count(*) AS frozen
             FROM unnest($1::bytea[]) AS r(id) LEFT JOIN total t ON t.run = r.id""",
        list(runs),
    )
    return Book(
        audience=row["n"],
        frozen=row["frozen"],
        counts=await claim_repository.counts(tx, runs),
        reasons=await claim_repository.reasons(tx, runs),
        repeated=await claim_repository.repeated(tx, runs),
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
        return self._balance(name, book, other, campaign=campaign if wanted is None else None)

    def _balance(self, name: str, book: Book, other: CountRunsResponse, *, campaign: Campaign | None) -> Reconciliation:
        delivery = _with_pending(messages.state_counts(book.counts), book.audience)
        analytics = _with_pending(other.rows, book.audience)
        shown = _with_pending(other.counters, book.audience)
        differences = [
            *([] if book.frozen else ["The audience is not frozen yet."]),
            *_differences("delivery", delivery, "analytics", analytics),
            *_differences("analytics", analytics, "the counters shown", shown),
            *_shown_differences(campaign, book),
        ]
        return Reconciliation(
            name=name,
            audience=book.audience,
            delivery=delivery,
            analytics=analytics,
            shown=shown,
            reasons=book.reasons,
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
    if campaign is None or campaign.state in RUNNING:
        return []
    queued = sum(book.counts.get(int(state), 0) for state in QUEUED)
    if campaign.queued_message_count == queued:
        return []
    return [f"The campaign shows {campaign.queued_message_count} queued, delivery's rows say {queued}."]
