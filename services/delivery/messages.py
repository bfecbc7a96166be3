"""Owns the events that this service writes and the columns that it reads.

Never decides anything.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from carillon.campaigns.v1.campaigns_pb2 import UNKNOWN_POLICY_RETRY
from carillon.delivery.v1.delivery_pb2 import ReceiptCounts, StateCounts
from carillon.events.v1.audience_batches_pb2 import Recipients
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle
from carillon.events.v1.endpoint_retired_pb2 import EndpointsRetired
from carillon.events.v1.message_outcomes_pb2 import OutcomeBatch
from carillon.events.v1.message_receipts_pb2 import ReceiptBatch
from carillon.events.v1.run_ended_pb2 import RunEnded

from services.delivery.domain.channels import UnknownPolicy
from services.delivery.domain.receipts import ReceiptKind
from services.delivery.outcome_repository import OutcomeBlock, OutcomeRow
from services.message_states import MessageState
from services.runtime.ids import SIZE

P256DH_SIZE = 65
AUTH_SIZE = 16
NO_ENDPOINT = bytes(SIZE)  # beside pushes in one chunk; a message's identity must not depend on its neighbours


class RecipientColumns:
    """The positions of a chunk, read one at a time out of its columns."""

    def __init__(self, recipients: bytes) -> None:
        columns = Recipients.FromString(recipients)
        self._contacts = columns.contacts
        self._endpoints = columns.endpoints
        self._channels = list(columns.channels)
        self._addresses = list(columns.addresses)
        self._p256dh = columns.p256dh
        self._auths = columns.auths
        self._fields = columns.fields

    def contact(self, position: int) -> bytes:
        """The contact's id."""
        return self._contacts[position * SIZE : (position + 1) * SIZE]

    def contacts(self, positions: range) -> bytes:
        """The ids of these neighbours' contacts, end to end."""
        return self._contacts[positions.start * SIZE : positions.stop * SIZE]

    def endpoints(self, positions: range) -> bytes:
        """The ids of these neighbours' endpoints, end to end; on channels that have them."""
        return self._endpoints[positions.start * SIZE : positions.stop * SIZE]

    def contact_bounds(self) -> tuple[bytes, bytes]:
        """The lowest and the highest contact."""
        contacts = [self._contacts[start : start + SIZE] for start in range(0, len(self._contacts), SIZE)]
        return min(contacts, default=b""), max(contacts, default=b"")

    def endpoint(self, position: int) -> bytes:
        """The endpoint's id, empty where the channel has none."""
        endpoint = self._endpoints[position * SIZE : (position + 1) * SIZE]
        return b"" if endpoint == NO_ENDPOINT else endpoint

    def has_any(self, channels: Collection[int]) -> bool:
        """Whether any position of the chunk goes one of these ways."""
        return any(channel in channels for channel in set(self._channels))

    @property
    def only_channel(self) -> int | None:
        """The channel of all positions; None where they have several."""
        return self._channels[0] if len(self._channels) == 1 else None

    def channel(self, position: int) -> int:
        """carillon.segments.v1.Channel."""
        return self._channels[position if len(self._channels) > 1 else 0]

    def person(self, position: int) -> tuple[bytes, int]:
        """Who, and by which way: what a suppression is about."""
        return self.contact(position), self.channel(position)

    def address(self, position: int) -> str:
        """Where to."""
        return self._addresses[position]

    def field(self, column: int, positions: Sequence[int]) -> list[str]:
        """One field of these positions' contacts, in the order of RunStarted.contact_fields; empty where absent."""
        if column >= len(self._fields) or not self._fields[column].values:
            return [""] * len(positions)
        values = self._fields[column].values
        return [values[position] for position in positions]

    def push_keys(self, position: int) -> tuple[bytes, bytes]:
        """The browser's public key and authentication secret."""
        return (
            self._p256dh[position * P256DH_SIZE : (position + 1) * P256DH_SIZE],
            self._auths[position * AUTH_SIZE : (position + 1) * AUTH_SIZE],
        )


def unknown_policy(fact: bytes) -> UnknownPolicy:
    """What the run, announced by this serialized CampaignLifecycle, says of attempts without an answer."""
    said = CampaignLifecycle.FromString(fact).run_started.unknown_policy
    return UnknownPolicy.RETRY if said == UNKNOWN_POLICY_RETRY else UnknownPolicy.PARK


def is_retry(fact: bytes) -> bool:
    """Whether the run, announced by this serialized CampaignLifecycle, sends again what earlier runs did not."""
    return CampaignLifecycle.FromString(fact).run_started.HasField("retry_of")


def milliseconds(instant: datetime.datetime) -> int:
    """Milliseconds since 1970."""
    return round(instant.timestamp() * 1000)


def outcome_batch(
    *,
    tenant: bytes,
    campaign: bytes,
    run: bytes,
    batch: int,
    rows: Sequence[OutcomeRow],
    blocks: Sequence[OutcomeBlock] = (),
) -> OutcomeBatch:
    """Columns of rows, and of blocks behind them."""
    words = {"": 0}
    for row in rows:
        words.setdefault(row.reason, len(words))
    return OutcomeBatch(
        tenant=tenant,
        campaign=campaign,
        run=run,
        batch=batch,
        positions=_positions(rows, blocks),
        states=_column([(row.state, 1) for row in rows] + [(MessageState.SENT, block.size) for block in blocks]),
        reason_words=list(words),
        reasons=_column([(words[row.reason], 1) for row in rows] + [(0, block.size) for block in blocks]),
        contacts=b"".join([*(row.contact for row in rows), *(block.contacts for block in blocks)]),
        times=_times(rows, blocks),
        channels=_column([(row.channel, 1) for row in rows] + [(block.channel, block.size) for block in blocks]),
    )


def _positions(rows: Sequence[OutcomeRow], blocks: Sequence[OutcomeBlock]) -> list[int]:
    """Of each; the first alone where they stand side by side."""
    if len(blocks) == 1 and not rows:
        return [blocks[0].first]
    positions = [*(row.position for row in rows), *(position for block in blocks for position in block.positions)]
    are_neighbours = bool(positions) and positions == [*range(positions[0], positions[0] + len(positions))]
    return positions[:1] if are_neighbours else positions


def _column(parts: Sequence[tuple[int, int]]) -> list[int]:
    """Each value as often as is said beside it; one entry where all are the same."""
    if len({value for value, _ in parts}) == 1:
        return [parts[0][0]]
    return [value for value, count in parts for _ in range(count)]


def _times(rows: Sequence[OutcomeRow], blocks: Sequence[OutcomeBlock]) -> list[int]:
    """Milliseconds since 1970 of each; one entry where all are the same."""
    times = [milliseconds(row.final_at) for row in rows]
    for block in blocks:
        times += [(at + 500) // 1000 for at in block.final_at] * (1 if len(block.final_at) > 1 else block.size)
    return times[:1] if times[:1] == times[-1:] and len(set(times)) == 1 else times


def receipt_batch(*, tenant: bytes, campaign: bytes, run: bytes, rows: Sequence[Any]) -> ReceiptBatch:
    """Columns of rows of one run."""
    return ReceiptBatch(
        tenant=tenant,
        campaign=campaign,
        run=run,
        batches=[row["batch"] for row in rows],
        positions=[row["position"] for row in rows],
        kinds=[row["kind"] for row in rows],
        times=[milliseconds(row["at"]) for row in rows],
    )


def state_counts(counts: Mapping[int, int]) -> StateCounts:
    """The proto of state → rows."""
    return StateCounts(**{state.name.lower(): counts.get(state, 0) for state in MessageState})


def receipt_counts(counts: Mapping[int, int]) -> ReceiptCounts:
    """The proto of kind → rows."""
    return ReceiptCounts(**{kind.name.lower(): counts.get(kind, 0) for kind in ReceiptKind})


def counted(counts: StateCounts) -> dict[int, int]:
    """state → rows of a proto, zeros included."""
    return {int(state): getattr(counts, state.name.lower()) for state in MessageState}


def run_ended(run: bytes, row: Any, counts: Mapping[int, int]) -> RunEnded:
    """The fact that a run ended, or of its numbers' correction; `row` is what completing or correcting it returned."""
    event = RunEnded(
        tenant=row["tenant"],
        campaign=row["campaign"],
        run=run,
        state=row["state"],
        counts=state_counts(counts),
        correction=row["corrections"],
    )
    event.end_time.FromDatetime(row["ended_at"])
    return event


def endpoints_retired(
    *, tenant: bytes, run: bytes, endpoints: Sequence[bytes], now: datetime.datetime
) -> EndpointsRetired:
    """The fact that endpoints are gone."""
    event = EndpointsRetired(tenant=tenant, run=run, endpoints=b"".join(endpoints))
    event.retire_time.FromDatetime(now)
    return event
