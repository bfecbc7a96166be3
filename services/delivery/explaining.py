"""Owns explaining one contact's place in one campaign: what is known is gathered, the verdicts are the domain's.

Never keeps anything, and never decides who may ask.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from carillon.campaigns.v1.campaigns_pb2 import Campaign
from carillon.delivery.v1.messages_pb2 import Finding, RecipientExplanation
from carillon.feeds.v1.membership_feed_service_pb2 import CheckMembershipRequest, CheckMembershipResponse
from carillon.feeds.v1.membership_feed_service_pb2_grpc import MembershipFeedServiceStub
from carillon.segments.v1.segments_pb2 import Contact

from services.delivery import run_repository, suppression_repository
from services.delivery.campaigns import KnownCampaign
from services.delivery.contacts import KnownContact
from services.delivery.domain import explanations
from services.delivery.domain.channels import Channel
from services.delivery.domain.explanations import Absence, Reach, Stage, Verdict
from services.delivery.ledger import Ledger
from services.delivery.message_messages import write_name
from services.delivery.message_repository import MessageRow
from services.delivery.run_repository import RunRow
from services.delivery.suppression_api import write_suppression
from services.delivery.suppression_repository import Suppression
from services.message_states import MessageState
from services.runtime.database import Database, Transaction

NOT_STARTED = (Campaign.STATE_DRAFT, Campaign.STATE_SCHEDULED)
RUNNING = (Campaign.STATE_ACTIVE, Campaign.STATE_PAUSED)


@dataclass(frozen=True, slots=True)
class Known:
    """What delivery's own rows say."""

    runs: list[RunRow]
    frozen: bool
    suppressions: Mapping[int, Suppression]  # by channel


class Explaining:
    """Answers why."""

    def __init__(self, *, database: Database, ledger: Ledger, membership: MembershipFeedServiceStub) -> None:
        self._database = database
        self._ledger = ledger
        self._membership = membership

    async def explain(self, tenant: bytes, campaign: KnownCampaign, contact: KnownContact) -> RecipientExplanation:
        """A finding for each message, and one for each channel without any."""
        known = await self._database.transaction(lambda tx: _read(tx, tenant, campaign, contact))
        rows = await self._ledger.of_contact(known.runs, contact.id)
        findings = [_of_message(row, campaign, known) for row in rows]
        absent = [channel for channel in campaign.message.channels if channel not in {row.channel for row in rows}]
        if absent:
            member = await self._is_member(tenant, campaign, contact)
            findings += [_of_absence(channel, campaign, contact, known, member=member) for channel in absent]
        return RecipientExplanation(
            campaign=campaign.message.name,
            contact=contact.message.name,
            summary=" ".join(dict.fromkeys(finding.sentence for finding in findings)),
            findings=findings,
        )

    async def _is_member(self, tenant: bytes, campaign: KnownCampaign, contact: KnownContact) -> bool:
        if not _has_audience(campaign.message):
            return False
        answer: CheckMembershipResponse = await self._membership.CheckMembership(
            CheckMembershipRequest(
                tenant=tenant, project=campaign.project, contact=contact.id, audience=campaign.message.audience
            )
        )
        return answer.member


async def _read(tx: Transaction, tenant: bytes, campaign: KnownCampaign, contact: KnownContact) -> Known:
    runs = await run_repository.runs_of_campaign(tx, tenant=tenant, campaign=campaign.id)
    found = await suppression_repository.of_contact(
        tx, tenant=tenant, project=contact.project, contact=contact.id, addresses=contact.addresses
    )
    return Known(
        runs=runs,
        frozen=bool(runs) and await run_repository.are_frozen(tx, [run.id for run in runs]),
        suppressions={row.channel: row for row in reversed(found)},  # a person's own word before an address
    )


def _has_audience(campaign: Campaign) -> bool:
    return campaign.audience.WhichOneof("kind") is not None


def _stage(campaign: Campaign, known: Known) -> Stage:
    if known.frozen:
        return Stage.FROZEN
    if known.runs or campaign.state in RUNNING:
        return Stage.BEING_RESOLVED
    return Stage.NOT_STARTED if campaign.state in NOT_STARTED else Stage.NEVER_STARTED


def _reach(channel: int, contact: Contact) -> Reach:
    if channel == Channel.EMAIL:
        return Reach.REACHABLE if contact.email else Reach.NO_ADDRESS
    if channel != Channel.PUSH:
        return Reach.REACHABLE
    if not contact.push_subscriptions:
        return Reach.NO_ADDRESS
    working = any(not item.HasField("retire_time") for item in contact.push_subscriptions)
    return Reach.REACHABLE if working else Reach.RETIRED


def _of_absence(channel: int, campaign: KnownCampaign, contact: KnownContact, known: Known, *, member: bool) -> Finding:
    suppression = known.suppressions.get(channel)
    absence = Absence(
        stage=_stage(campaign.message, known),
        has_audience=_has_audience(campaign.message),
        member=member,
        reach=_reach(channel, contact.message),
        suppressed=suppression is not None,
    )
    verdict = explanations.why_absent(absence)
    sentence = explanations.sentence(verdict, channel, reason=suppression.reason if suppression else "")
    if verdict is Verdict.NOT_IN_AUDIENCE and member:
        sentence = explanations.sentence_not_then(channel)
    return _finding(channel, verdict, sentence, suppression, campaign.project)


def _of_message(row: MessageRow, campaign: KnownCampaign, known: Known) -> Finding:
    state, suppression = MessageState(row.state), known.suppressions.get(row.channel)
    if state is MessageState.PENDING:
        paused = campaign.message.state == Campaign.STATE_PAUSED
        verdict = explanations.why_waiting(suppressed=suppression is not None, paused=paused)
        when = f"at {_spelled(row.due_at)} or later" if row.due_at else "now"
        reason = suppression.reason if suppression else ""
        sentence = explanations.sentence(verdict, row.channel, reason=reason, time=when)
    else:
        verdict = Verdict.FINAL
        sentence = explanations.final_sentence(state, row.channel, reason=row.reason, time=_spelled(row.final_at))
    finding = _finding(row.channel, verdict, sentence, suppression, campaign.project)
    finding.MergeFrom(
        Finding(
            message=write_name(campaign.project, campaign.id, row),
            state=row.state,  # type: ignore[arg-type]  # the number is the enum's own
            reason=row.reason,
            final_time=row.final_at,
            next_attempt_time=row.due_at,
        )
    )
    return finding


def _finding(channel: int, verdict: Verdict, sentence: str, suppression: Suppression | None, project: bytes) -> Finding:
    return Finding(
        channel=channel,  # type: ignore[arg-type]  # the numbers are the enums' own
        verdict=verdict.value,  # type: ignore[arg-type]
        sentence=sentence,
        suppression=write_suppression(project, suppression) if suppression else None,
    )


def _spelled(instant: datetime.datetime | None) -> str:
    return "" if instant is None else instant.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
