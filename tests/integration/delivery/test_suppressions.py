"""Who is not to be messaged: kept once, seen at once, lifted, and looked for by address, too."""

from __future__ import annotations

import asyncio

from services.delivery import suppression_repository
from services.delivery.exclusion import excluded
from services.delivery.messages import RecipientColumns
from services.delivery.run_repository import RunRow
from services.runtime import ids
from services.runtime.database import Database, Transaction
from tests.unit.services.delivery.builders import RUN, numbered, recipients

PUSH, EMAIL = 1, 2
ANNA = numbered(b"contact", 0)


async def suppress(database: Database, *people: tuple[bytes, int], reason: str = "UNSUBSCRIBED") -> None:
    await database.transaction(
        lambda tx: suppression_repository.suppress(
            tx, tenant=RUN.tenant, project=RUN.project, people=people, reason=reason
        )
    )


async def suppress_addresses(database: Database, *addresses: str, run: RunRow = RUN) -> None:
    await database.transaction(
        lambda tx: suppression_repository.suppress_addresses(
            tx, tenant=run.tenant, project=run.project, channel=EMAIL, addresses=addresses, reason="HARD_BOUNCE"
        )
    )


async def version(database: Database) -> int | None:
    async def work(tx: Transaction) -> int | None:
        found: int | None = await tx.raw.fetchval(
            "SELECT version FROM suppression_version WHERE tenant = $1", RUN.tenant
        )
        return found

    return await database.transaction(work)


async def left_out(database: Database, columns: bytes, *, of: int) -> dict[int, str]:
    return await database.transaction(lambda tx: excluded(tx, RUN, RecipientColumns(columns), range(of)))


def emails(*addresses: str) -> bytes:
    return recipients(len(addresses), channels=[EMAIL], addresses=list(addresses), endpoints=b"", p256dh=b"", auths=b"")


async def test_a_person_is_left_out_by_the_channel_that_was_said_and_by_no_other(database: Database) -> None:
    await suppress(database, (ANNA, PUSH))

    assert await left_out(database, recipients(3), of=3) == {0: "UNSUBSCRIBED"}
    assert await left_out(database, emails("a@x.example"), of=1) == {}


async def test_the_first_reason_stands_and_saying_it_again_holds_nobody_up(database: Database) -> None:
    await suppress(database, (ANNA, PUSH))
    first = await version(database)

    await suppress(database, (ANNA, PUSH), reason="COMPLAINED")

    assert await version(database) == first == 1
    assert await left_out(database, recipients(1), of=1) == {0: "UNSUBSCRIBED"}


async def test_suppressions_at_once_have_versions_of_their_own(database: Database) -> None:
    people = [(ids.new_id(), PUSH) for _ in range(20)]

    await asyncio.gather(*(suppress(database, person) for person in people), suppress(database, people[0]))

    rows = await database.transaction(
        lambda tx: tx.raw.fetch("SELECT version FROM suppression WHERE tenant = $1", RUN.tenant)
    )
    assert sorted(row["version"] for row in rows) == sorted({row["version"] for row in rows})
    assert len(rows) == 20


async def test_a_dead_address_is_left_out_whoever_has_it_and_whatever_its_case(database: Database) -> None:
    await suppress_addresses(database, "Gone@X.example", "gone@x.example", "müller@x.example")

    found = await left_out(database, emails("a@x.example", "GONE@x.example", "MÜLLER@x.example"), of=3)

    assert found == {1: "HARD_BOUNCE", 2: "HARD_BOUNCE"}
    assert await version(database) == 1, "a claim of a tenant at version 0 does not look"


async def test_a_dead_address_holds_nothing_that_has_begun(database: Database) -> None:
    await suppress(database, (ANNA, PUSH))

    await suppress_addresses(database, "gone@x.example")

    assert await version(database) == 1


async def test_an_address_is_dead_in_its_project_alone(database: Database) -> None:
    other = RunRow(id=RUN.id, tenant=RUN.tenant, project=b"other......p", campaign=RUN.campaign, fact=b"")
    await suppress_addresses(database, "gone@x.example", run=other)

    assert await left_out(database, emails("gone@x.example"), of=1) == {}


async def test_what_is_lifted_is_lifted_for_the_addresses_too_and_nothing_else_is(database: Database) -> None:
    await suppress(database, (ANNA, PUSH), (ANNA, EMAIL), (numbered(b"contact", 1), EMAIL))
    await suppress_addresses(database, "anna@x.example", "bert@x.example")

    await database.transaction(
        lambda tx: suppression_repository.unsuppress(
            tx,
            tenant=RUN.tenant,
            project=RUN.project,
            contact=ANNA,
            channels=[EMAIL],
            addresses=["Anna@x.example"],
        )
    )

    assert await left_out(database, emails("anna@x.example"), of=1) == {}
    assert await left_out(database, emails("bert@x.example"), of=1) == {0: "HARD_BOUNCE"}
    assert await left_out(database, recipients(1), of=1) == {0: "UNSUBSCRIBED"}
