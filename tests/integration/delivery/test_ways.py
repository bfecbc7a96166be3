"""Email and HTTP calls, from a frozen audience to the outside world and back into delivery's rows."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from carillon.campaigns.v1.campaigns_pb2 import EmailContent, HttpContent
from carillon.events.v1.audience_batches_pb2 import AudienceBatch, FieldColumn
from carillon.events.v1.audience_totals_pb2 import AudienceTotals
from carillon.events.v1.campaign_lifecycle_pb2 import CampaignLifecycle, RunStarted

from sandbox.batches import SECRET
from services import names
from services.delivery.domain.accounts import HttpProvider, Provider, Security, SmtpProvider
from services.message_states import MessageState
from services.runtime import ids
from services.runtime.database import Database
from tests.certificates import self_signed
from tests.integration.delivery.audiences import announce
from tests.integration.delivery.conftest import StartProcess
from tests.integration.delivery.delivery_process import provider_accounts
from tests.integration.waiting import eventually
from tests.unit.sandbox.outside import Outside
from tests.unit.services.delivery.builders import numbered, recipients

EMAIL, HTTP = 2, 3
FIELDS = ["first_name", "plan"]


@dataclass
class Run:
    """A run of a new organization to so many people, each by each of these channels."""

    people: int
    channels: tuple[int, ...]
    tenant: bytes = field(default_factory=ids.new_id)
    campaign: bytes = field(default_factory=ids.new_id)
    id: bytes = field(default_factory=ids.new_id)
    accounts: dict[int, str] = field(default_factory=dict)
    html: str = "<p>Dear {{ first_name | default('friend') }}, {{ plan }} &amp; more</p>"
    addresses: dict[int, str] = field(default_factory=dict)  # of some people; the others' are in order

    @property
    def name(self) -> str:
        """As callers spell it."""
        return names.spell("campaigns", self.campaign)

    def facts(self) -> list[Any]:
        """What the other services announce."""
        size = self.people * len(self.channels)
        columns = self._columns()
        batch = AudienceBatch(
            tenant=self.tenant,
            campaign=self.campaign,
            run=self.id,
            number=0,
            size=size,
            digest=hashlib.blake2b(columns, digest_size=16).digest(),
            recipients=columns,
        )
        totals = AudienceTotals(
            tenant=self.tenant, campaign=self.campaign, run=self.id, batch_count=1, message_count=size
        )
        return [self._started(), batch, totals]

    def _started(self) -> CampaignLifecycle:
        now = datetime.datetime.now(datetime.UTC)
        started = RunStarted(run=self.id, identity_run=self.id, contact_fields=FIELDS)
        if EMAIL in self.channels:
            email = EmailContent(
                provider_account=self.accounts[EMAIL],
                from_email="news@example.com",
                from_name="Ann’s shop",
                subject="Hello {{ first_name | default('there') }}",
                text="Dear {{ first_name | default('friend') }}",
                html=self.html,
            )
            started.email_content.CopyFrom(email)
        if HTTP in self.channels:
            http = HttpContent(
                provider_account=self.accounts[HTTP], content='{"title": "Hé"}', contact_fields=["firstName", "plan"]
            )
            started.http_content.CopyFrom(http)
        started.start_time.FromDatetime(now)
        started.expire_time.FromDatetime(now + datetime.timedelta(hours=1))
        return CampaignLifecycle(tenant=self.tenant, project=self.tenant, campaign=self.campaign, run_started=started)

    def _columns(self) -> bytes:
        places = [(person, channel) for person in range(self.people) for channel in self.channels]
        return recipients(
            len(places),
            contacts=b"".join(numbered(b"contact", person) for person, _ in places),
            endpoints=b"",
            p256dh=b"",
            auths=b"",
            channels=[channel for _, channel in places],
            addresses=[self._address(person, channel) for person, channel in places],
            fields=[
                FieldColumn(values=["" if person % 3 == 0 else f"<Ann {person}>" for person, _ in places]),
                FieldColumn(values=["pro"] * len(places)),
            ],
        )

    def _address(self, person: int, channel: int) -> str:
        if channel == HTTP:
            return f'ext "{person}"'
        return self.addresses.get(person, f"person-{person}@example.com")


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    async with Outside(tmp_path / "sandbox") as outside:
        yield outside


def smtp(outside: Outside, **changes: Any) -> SmtpProvider:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": outside.smtp_port,
        "security": Security.PLAIN,
        "username": "",
        "password": "",
        "allow_plaintext_auth": False,
        "connections": 4,
        "timeout_seconds": 5,
    }
    return SmtpProvider(**values | changes)


def http(outside: Outside, **changes: Any) -> HttpProvider:
    values: dict[str, Any] = {
        "url": f"http://{outside.host}/batches",
        "signing_secret": SECRET,
        "recipients_per_call": 500,
        "connections": 4,
        "timeout_seconds": 5,
    }
    return HttpProvider(**values | changes)


async def account(database: Database, run: Run, provider: Provider) -> str:
    """The name of a new account of the run's project."""
    made = await provider_accounts(database).create(
        tenant=run.tenant, project=run.tenant, display_name="x", provider=provider, path=""
    )
    return made.name


async def states(database: Database, run: Run) -> Counter[tuple[int, str, str]]:
    """(channel, state, reason) → messages."""
    rows = await database.transaction(
        lambda tx: tx.raw.fetch("SELECT channel, state, reason FROM outcome WHERE run = $1", run.id)
    )
    return Counter((row["channel"], MessageState(row["state"]).name, row["reason"]) for row in rows)


async def at_rest(database: Database, run: Run) -> Counter[tuple[int, str, str]]:
    """The same, once the run has ended."""

    async def ended() -> bool:
        state = await database.transaction(
            lambda tx: tx.raw.fetchval("SELECT ended_at IS NOT NULL FROM run WHERE id = $1", run.id)
        )
        return bool(state)

    await eventually(ended, bool, seconds=30)
    return await states(database, run)


async def test_everybody_is_reached_by_every_channel_of_a_run(
    database: Database, start_process: StartProcess, outside: Outside
) -> None:
    run = Run(people=300, channels=(EMAIL, HTTP))
    run.accounts = {
        EMAIL: await account(database, run, smtp(outside)),
        HTTP: await account(database, run, http(outside)),
    }
    await start_process(hosts=(outside.host, f"127.0.0.1:{outside.smtp_port}"), claim_size=1_000)

    await announce(database, run.facts())

    assert await at_rest(database, run) == {(EMAIL, "SENT", ""): 300, (HTTP, "SENT", ""): 300}
    lines = await outside.lines(f"/messages?campaign={run.name}&content=1")
    calls = {line["to"]: line["content"] for line in lines if line["channel"] == "http"}
    emails = {line["to"]: line["content"] for line in lines if line["channel"] == "email"}
    assert len(lines) == 600
    assert set(calls) == {f'ext "{person}"' for person in range(300)}
    assert calls['ext "1"']["content"] == {"title": "Hé"}
    assert calls['ext "1"']["fields"] == {"firstName": "<Ann 1>", "plan": "pro"}
    assert calls['ext "3"']["fields"] == {"firstName": "", "plan": "pro"}
    assert set(emails) == {f"person-{person}@example.com" for person in range(300)}
    assert "Dear &lt;Ann 1&gt;, pro &amp; more" in json.dumps(emails["person-1@example.com"])
    assert "Hello <Ann 1>" in json.dumps(emails["person-1@example.com"])
    assert "Dear friend, pro" in json.dumps(emails["person-3@example.com"])


async def test_an_account_that_is_deleted_or_cannot_be_reached_holds_up_only_its_own_channel(
    database: Database, start_process: StartProcess, outside: Outside
) -> None:
    run = Run(people=20, channels=(EMAIL, HTTP))
    unreachable = smtp(outside, port=1)
    run.accounts = {
        EMAIL: await account(database, run, unreachable),
        HTTP: names.join(("projects", run.tenant), ("providerAccounts", ids.new_id())),
    }
    other = Run(people=20, channels=(HTTP,))
    other.accounts = {HTTP: await account(database, other, http(outside))}
    await start_process(hosts=(outside.host, "127.0.0.1:1"), claim_size=1_000)

    await announce(database, run.facts())
    await announce(database, other.facts())

    assert await at_rest(database, other) == {(HTTP, "SENT", ""): 20}
    await asyncio.sleep(1)
    assert await states(database, run) == {}
    due = await database.transaction(
        lambda tx: tx.raw.fetch("SELECT attempt, doubtful FROM due WHERE run = $1 AND due_at > now()", run.id)
    )
    assert due
    assert all(row["attempt"] > 0 and not row["doubtful"] for row in due)


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        ({"security": Security.PLAIN, "password": "another"}, "SMTP_AUTH_REFUSED"),
        ({"security": Security.STARTTLS}, "TLS_CERTIFICATE_UNTRUSTED"),
    ],
)
async def test_a_wrong_password_or_certificate_keeps_its_own_emails_waiting_and_says_why(
    database: Database, start_process: StartProcess, tmp_path: Path, refused: dict[str, Any], reason: str
) -> None:
    who = {"username": "somebody", "password": "a secret", "allow_plaintext_auth": True}
    by_tls = refused["security"] is Security.STARTTLS
    async with (
        Outside(
            tmp_path / "refusing",
            smtp_login="somebody:a secret",
            smtp_certificate=str(self_signed(tmp_path)) if by_tls else "",
        ) as refusing,
        Outside(tmp_path / "taking", smtp_login="somebody:a secret") as taking,
    ):
        run, other = Run(people=20, channels=(EMAIL,)), Run(people=20, channels=(EMAIL,))
        run.accounts = {EMAIL: await account(database, run, smtp(refusing, **(who | refused)))}
        other.accounts = {EMAIL: await account(database, other, smtp(taking, **who))}
        await start_process(hosts=tuple(f"127.0.0.1:{one.smtp_port}" for one in (refusing, taking)), claim_size=1_000)

        await announce(database, run.facts())
        await announce(database, other.facts())

        assert await at_rest(database, other) == {(EMAIL, "SENT", ""): 20}
        tried = await eventually(lambda: attempts(database, run), bool)
        assert {said for said, _ in tried} == {reason}
        assert {place for _, place in tried} == set(range(20)), "everybody is told why"
        assert await states(database, run) == {}
        assert await refusing.lines("/messages") == []


async def attempts(database: Database, run: Run) -> list[tuple[str, int]]:
    """(reason, position) of the attempts that ended nothing."""
    rows = await database.transaction(
        lambda tx: tx.raw.fetch("SELECT reason, position FROM attempt WHERE run = $1", run.id)
    )
    return [(row["reason"], row["position"]) for row in rows]


async def test_an_email_that_cannot_be_made_fails_with_a_reason_and_the_others_are_sent(
    database: Database, start_process: StartProcess, outside: Outside
) -> None:
    run = Run(people=30, channels=(EMAIL,), html="<p>{{ first_name | default('7') | int }}</p>")
    run.addresses = {3: "nobody@example.com,other@example.com", 6: "<>"}
    run.accounts = {EMAIL: await account(database, run, smtp(outside))}
    await start_process(hosts=(f"127.0.0.1:{outside.smtp_port}",), claim_size=1_000)

    await announce(database, run.facts())

    found = await at_rest(database, run)
    assert found.pop((EMAIL, "FAILED", "EMAIL_CANNOT_BE_RENDERED")) == 20
    assert found.pop((EMAIL, "SENT", "")) == 8
    (state, count) = next(iter(found.items()))
    assert (state[1], count) == ("FAILED", 2)


async def test_a_lost_answer_of_an_endpoint_is_asked_for_again_and_nobody_is_messaged_twice(
    database: Database, start_process: StartProcess, outside: Outside
) -> None:
    run = Run(people=400, channels=(HTTP,))
    run.accounts = {HTTP: await account(database, run, http(outside))}
    await outside.call("PUT", "/faults", {"lost_answers": 0.5, "lost_requests": 0.2, "seed": 7})
    await start_process(hosts=(outside.host,), claim_size=50)

    await announce(database, run.facts())
    await asyncio.sleep(1)
    await outside.call("DELETE", "/faults")

    assert await at_rest(database, run) == {(HTTP, "SENT", ""): 400}
    lines = await outside.lines(f"/messages?campaign={run.name}")
    assert len(lines) == len({line["to"] for line in lines}) == 400


async def test_a_partial_answer_is_every_recipients_own(
    database: Database, start_process: StartProcess, outside: Outside
) -> None:
    run = Run(people=400, channels=(HTTP,))
    run.accounts = {HTTP: await account(database, run, http(outside))}
    await outside.call("PUT", "/faults", {"recipients_rejected": 0.2, "recipients_deferred": 0.2, "retry_after": 0})
    await start_process(hosts=(outside.host,), claim_size=400)

    await announce(database, run.facts())

    found = await at_rest(database, run)
    assert set(found) == {(HTTP, "SENT", ""), (HTTP, "FAILED", "NO_DEVICE")}
    assert found.total() == 400
    lines = await outside.lines(f"/messages?campaign={run.name}")
    assert len(lines) == found[(HTTP, "SENT", "")]
