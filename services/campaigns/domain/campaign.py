"""Owns a campaign's life: its states, the one table of what may follow what, and what each step does to it.

Never knows time, storage or transport: the instant and new ids come in as arguments.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.campaigns.domain.content import PushContent, check_push, check_push_can_start, check_text
from services.campaigns.domain.email import EmailContent, check_email, check_email_can_start
from services.campaigns.domain.http_call import HttpContent, check_http, check_http_can_start
from services.campaigns.domain.utm import Utm
from services.runtime.errors import Conflict, Invalid

CHANGED = "CAMPAIGN_CHANGED"
PUSH, EMAIL, HTTP = 1, 2, 3  # carillon.segments.v1.Channel
UNKNOWN_POLICIES = frozenset({0, 1, 2})  # carillon.campaigns.v1.UnknownPolicy
MAX_FILTER_BYTES = 64 * 1024
GRACE = datetime.timedelta(minutes=5)  # a start that is late by no more than this starts at once
MAX_VENDOR_BYTES = 16_384
AUDIENCE_KEPT = datetime.timedelta(days=7)  # by segments, behind a campaign's end


class State(enum.IntEnum):
    """As carillon.campaigns.v1.Campaign.State."""

    DRAFT = 1
    SCHEDULED = 2
    ACTIVE = 3
    PAUSED = 4
    COMPLETED = 5
    CANCELLED = 6
    FAILED = 7
    ARCHIVED = 8


class Step(enum.Enum):
    """What can happen to a campaign."""

    SCHEDULE = "scheduled"
    LAUNCH = "started"
    PAUSE = "paused"
    RESUME = "resumed"
    CANCEL = "cancelled"
    COMPLETE = "completed"
    FAIL = "failed"
    EDIT = "edited"
    DELETE = "deleted"
    ARCHIVE = "archived"
    RESEND = "sent again"
    RETRY = "retried"


TRANSITIONS: Mapping[tuple[State, Step], State] = {
    (State.DRAFT, Step.SCHEDULE): State.SCHEDULED,
    (State.DRAFT, Step.LAUNCH): State.ACTIVE,
    (State.SCHEDULED, Step.LAUNCH): State.ACTIVE,
    (State.ACTIVE, Step.PAUSE): State.PAUSED,
    (State.PAUSED, Step.RESUME): State.ACTIVE,
    (State.DRAFT, Step.CANCEL): State.CANCELLED,
    (State.SCHEDULED, Step.CANCEL): State.CANCELLED,
    (State.ACTIVE, Step.CANCEL): State.CANCELLED,
    (State.PAUSED, Step.CANCEL): State.CANCELLED,
    (State.ACTIVE, Step.COMPLETE): State.COMPLETED,
    (State.PAUSED, Step.COMPLETE): State.COMPLETED,
    (State.ACTIVE, Step.FAIL): State.FAILED,
    (State.PAUSED, Step.FAIL): State.FAILED,
    (State.SCHEDULED, Step.DELETE): State.CANCELLED,
    (State.COMPLETED, Step.RETRY): State.ACTIVE,
    (State.COMPLETED, Step.ARCHIVE): State.ARCHIVED,
    (State.FAILED, Step.ARCHIVE): State.ARCHIVED,
    # Allowed, and not a change of state.
    (State.DRAFT, Step.EDIT): State.DRAFT,
    (State.DRAFT, Step.DELETE): State.DRAFT,
    (State.CANCELLED, Step.DELETE): State.CANCELLED,
    (State.COMPLETED, Step.RESEND): State.COMPLETED,
    (State.CANCELLED, Step.RESEND): State.CANCELLED,
    (State.ARCHIVED, Step.RESEND): State.ARCHIVED,
    # Said twice is said once.
    (State.ARCHIVED, Step.ARCHIVE): State.ARCHIVED,
    (State.PAUSED, Step.PAUSE): State.PAUSED,
    (State.ACTIVE, Step.RESUME): State.ACTIVE,
    (State.CANCELLED, Step.CANCEL): State.CANCELLED,
}
ENDED = frozenset({State.COMPLETED, State.CANCELLED, State.FAILED, State.ARCHIVED})
SENDING = frozenset({State.ACTIVE, State.PAUSED})


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom it is for: a saved segment's id, or a serialized carillon.segments.v1.Filter; exactly one is not None."""

    segment: bytes | None = None
    filter: bytes | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """What the author wrote."""

    display_name: str
    channels: tuple[int, ...] = ()
    audience: Audience | None = None
    content: PushContent | None = None
    email: EmailContent | None = None
    http: HttpContent | None = None
    unknown_policy: int = 0
    immediate: bool = False
    start_at: datetime.datetime | None = None
    time_zone: str = ""
    utm: Utm = field(default_factory=Utm)
    labels: Mapping[str, str] = field(default_factory=dict)
    vendor_fields: str = ""

    def check(self) -> None:
        """Everything that is there is within its limits."""
        check_text(self.display_name, field="display_name", most=200, least=1)
        if self.content is not None:
            check_push(self.content, field="push_content")
        if self.email is not None:
            check_email(self.email, path="email_content")
        if self.http is not None:
            check_http(self.http, path="http_content")
        if self.unknown_policy not in UNKNOWN_POLICIES:
            raise Invalid("UNKNOWN_POLICY_INVALID", "There is no such policy.", field="unknown_policy")
        for name in ("source", "medium", "campaign", "term", "content"):
            check_text(getattr(self.utm, name), field=f"utm.{name}", most=200)
        if len(self.labels) > 20:
            raise Invalid("TOO_MANY_LABELS", "At most 20 labels.", field="labels")
        for key, value in self.labels.items():
            check_text(key, field="labels", most=64, least=1)
            check_text(value, field=f"labels.{key}", most=200)
        if self.audience is not None and len(self.audience.filter or b"") > MAX_FILTER_BYTES:
            raise Invalid("FILTER_TOO_LARGE", "At most 64 kB of conditions.", field="audience.filter")
        check_text(self.time_zone, field="schedule.time_zone", most=100)
        check_text(self.vendor_fields, field="vendor_fields", most=MAX_VENDOR_BYTES)
        if len(self.vendor_fields.encode()) > MAX_VENDOR_BYTES:
            raise Invalid("TEXT_TOO_LONG", "At most 16 kB.", field="vendor_fields")

    def check_can_start(self) -> None:
        """Everything that a start needs is there."""
        if not self.channels:
            raise Invalid("FIELD_REQUIRED", "At least one channel is needed.", field="channels")
        if self.audience is None:
            raise Invalid("FIELD_REQUIRED", "An audience is needed.", field="audience")
        if PUSH in self.channels:
            check_push_can_start(self.content, field="push_content")
        if EMAIL in self.channels:
            check_email_can_start(self.email, path="email_content")
        if HTTP in self.channels:
            check_http_can_start(self.http, path="http_content")

    def check_time(self, *, now: datetime.datetime) -> None:
        """A start that was missed by more than the grace is a mistake, not a wish."""
        if self.start_at is not None and self.start_at < now - GRACE:
            raise Invalid("TIME_PAST", "This is in the past.", field="schedule.start_time")

    def starts_at_once(self, *, now: datetime.datetime) -> bool:
        """Whether nothing has to be waited for."""
        return self.immediate or (self.start_at is not None and self.start_at <= now)


@dataclass(frozen=True, slots=True)
class Standing:
    """What others are told of a campaign; of two, the one with the higher revision is the truth."""

    id: bytes
    tenant: bytes
    project: bytes
    state: State
    revision: int
    queued: int
    updated_at: datetime.datetime
    final: bool


@dataclass(slots=True)
class Campaign:
    """One campaign. `queued` is what it is to send; `epoch` numbers the commands that delivery was given."""

    id: bytes
    tenant: bytes
    project: bytes
    definition: Definition
    state: State
    created_at: datetime.datetime
    updated_at: datetime.datetime
    revision: int = 1
    queued: int = 0
    epoch: int = 0
    wanted: State | None = None  # what delivery was told, until its answer is known
    failure_reason: str = ""
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
    final: bool = False
    deleted_at: datetime.datetime | None = None  # hidden from its owner since

    def apply(self, step: Step, *, now: datetime.datetime) -> None:
        """Go where the table says, or Conflict with the reason."""
        target = TRANSITIONS.get((self.state, step))
        if target is None:
            raise Conflict(
                f"CAMPAIGN_NOT_{_VERBS[step]}",
                f"A campaign that is {self.state.name} cannot be {step.value}.",
                metadata={"state": self.state.name},
            )
        if target is self.state:
            return
        self.state = target
        self.changed(now=now)
        if target is State.ACTIVE and self.started_at is None:
            self.started_at = now
        if target in ENDED and self.ended_at is None:
            self.ended_at = now

    def retry(self, *, now: datetime.datetime) -> None:
        """Go on with a further run. Raises Conflict where it cannot, or nobody knows any more whom it was for."""
        ended_at = self.ended_at
        self.apply(Step.RETRY, now=now)
        if ended_at is not None and now - ended_at > AUDIENCE_KEPT:
            raise Conflict("CAMPAIGN_TOO_OLD", "The audience of a campaign is kept for seven days after its end.")
        self.ended_at, self.final = None, False

    def changed(self, *, now: datetime.datetime) -> None:
        """Something that others are told of is different now."""
        self.revision += 1
        self.updated_at = now

    def command(self, wanted: State) -> int:
        """Number a command to delivery; the epoch is used up even if the command is withdrawn."""
        self.epoch += 1
        self.wanted = wanted
        return self.epoch

    @property
    def standing(self) -> Standing:
        """How it stands now."""
        return Standing(
            id=self.id,
            tenant=self.tenant,
            project=self.project,
            state=self.state,
            revision=self.revision,
            queued=self.queued,
            updated_at=self.updated_at,
            final=self.final,
        )

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return etag_of(self.revision)


_VERBS = {
    Step.SCHEDULE: "SCHEDULABLE",
    Step.LAUNCH: "STARTABLE",
    Step.PAUSE: "PAUSABLE",
    Step.RESUME: "RESUMABLE",
    Step.CANCEL: "CANCELLABLE",
    Step.COMPLETE: "COMPLETABLE",
    Step.FAIL: "FAILABLE",
    Step.EDIT: "EDITABLE",
    Step.DELETE: "DELETABLE",
    Step.ARCHIVE: "ARCHIVABLE",
    Step.RESEND: "RESENDABLE",
    Step.RETRY: "RETRYABLE",
}


def etag_of(revision: int) -> str:
    """The etag of a campaign's revision."""
    return f'"{revision}"'


def check_etag(campaign: Campaign, etag: str) -> None:
    """Conflict where the caller's etag is not the campaign's any more; an empty one is any."""
    if etag and etag != campaign.etag:
        raise changed()


def changed() -> Conflict:
    """Somebody else was quicker."""
    return Conflict(CHANGED, "The campaign has changed since.", field="etag")
