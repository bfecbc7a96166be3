"""Organizations, projects, keys and tokens on PostgreSQL: who may make what, and what a revoked key still opens."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from dataclasses import replace

import pytest
from carillon.accounts.v1 import accounts_pb2 as pb

from gateway.accounts.key_ring import REMEMBERED_SECONDS
from services.runtime import ids
from services.runtime.database import Database, Transaction
from services.runtime.errors import DomainError, Forbidden, Invalid, NotFound
from services.runtime.identity import Caller
from tests.integration.gateway.office import OPERATOR, Office, id_of


@pytest.fixture
def office(connect: Callable[..., Database]) -> Office:
    return Office(connect("accounts"))


@pytest.fixture
async def caller(office: Office) -> Caller:
    return await office.organization()


async def test_only_the_operator_makes_organizations(office: Office, caller: Caller) -> None:
    before = await office.rows("organization")

    with pytest.raises(Forbidden) as refused:
        await office.accounts.create_organization(caller, display_name="Another")

    assert refused.value.reason == "OPERATOR_ONLY"
    assert await office.rows("organization") == before


async def test_a_project_is_found_by_its_own_organization_only(office: Office, caller: Caller) -> None:
    made = await office.project(caller)
    stranger = await office.organization("Theirs")

    found = await office.accounts.get_project(caller, id_of(made.name))

    assert (found.id, found.display_name, found.time_zone) == (id_of(made.name), "Launch", "UTC")
    with pytest.raises(NotFound) as foreign:
        await office.accounts.get_project(stranger, id_of(made.name))
    with pytest.raises(NotFound) as unknown:
        await office.accounts.get_project(caller, ids.new_id())
    assert str(foreign.value) == str(unknown.value)


async def test_a_list_of_projects_has_the_callers_own_oldest_first_page_by_page(office: Office, caller: Caller) -> None:
    await office.project(await office.organization("Theirs"))
    made = [id_of((await office.project(caller, str(number))).name) for number in range(5)]

    first = await office.accounts.list_projects(caller, after=b"", limit=3)
    second = await office.accounts.list_projects(caller, after=first[-1].id, limit=3)
    limited = replace(caller, projects=frozenset({made[1], made[4]}))
    few = await office.accounts.list_projects(limited, after=b"", limit=3)

    assert [project.id for project in (*first, *second)] == made
    assert [project.id for project in few] == [made[1], made[4]]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"display_name": " "}, "NAME_REQUIRED"),
        ({"display_name": "x" * 201}, "NAME_TOO_LONG"),
        ({"display_name": "a\0b"}, "TEXT_INVALID"),
        ({"time_zone": "Europe/Atlantis"}, "TIME_ZONE_UNKNOWN"),
        ({"phone_region": "de"}, "PHONE_REGION_INVALID"),
    ],
)
async def test_a_project_that_cannot_be_is_not_stored(
    office: Office, caller: Caller, wrong: dict[str, str], reason: str
) -> None:
    good = {"display_name": "x", "time_zone": "Europe/Berlin", "phone_region": "DE"}
    before = await office.rows("project")

    with pytest.raises(Invalid) as refused:
        await office.accounts.create_project(caller, organization=None, **{**good, **wrong})

    assert refused.value.reason == reason
    assert await office.rows("project") == before


async def test_the_operator_acts_for_the_organization_that_it_names(office: Office, caller: Caller) -> None:
    async def create(organization: bytes | None) -> pb.Project:
        return await office.accounts.create_project(
            OPERATOR, organization=organization, display_name="x", time_zone="", phone_region=""
        )

    made = await create(caller.organization)

    assert (await office.accounts.get_project(caller, id_of(made.name))).tenant == caller.organization
    for organization, kind in ((None, Invalid), (ids.new_id(), NotFound)):
        with pytest.raises(kind):
            await create(organization)


async def test_whoever_names_another_organization_acts_for_their_own(office: Office, caller: Caller) -> None:
    theirs = await office.organization("Theirs")

    made = await office.accounts.create_project(
        caller, organization=theirs.organization, display_name="x", time_zone="", phone_region=""
    )

    assert (await office.accounts.get_project(caller, id_of(made.name))).tenant == caller.organization


async def test_a_key_opens_the_door_and_its_secret_is_stored_nowhere(office: Office, caller: Caller) -> None:
    project = id_of((await office.project(caller)).name)

    made = await office.key(caller, projects=[project, project])

    found = await office.found(made.secret)
    assert found is not None
    assert (found.tenant, found.projects, found.revoked_at) == (caller.organization, (project,), None)
    assert await office.found(made.secret + "x") is None
    assert made.secret.encode() not in await _everything(office)
    assert made.secret.encode().hex().encode() not in await _everything(office)


async def test_no_two_keys_have_the_same_secret(office: Office, caller: Caller) -> None:
    made = await asyncio.gather(*(office.key(caller) for _ in range(20)))

    assert len({key.secret for key in made}) == len({key.name for key in made}) == 20


async def test_a_key_is_not_limited_to_what_is_not_its_organizations(office: Office, caller: Caller) -> None:
    theirs = id_of((await office.project(await office.organization("Theirs"))).name)
    ours = id_of((await office.project(caller)).name)
    before = await office.rows("api_key")

    refusals = []
    for other in (theirs, ids.new_id()):
        with pytest.raises(NotFound) as refused:
            await office.key(caller, projects=[ours, other])
        refusals.append((refused.value.reason, refused.value.field))

    assert refusals == [("PROJECT_NOT_FOUND", "api_key.projects[1]")] * 2
    assert await office.rows("api_key") == before


async def test_a_limited_key_makes_nothing_that_is_wider(office: Office, caller: Caller) -> None:
    project = id_of((await office.project(caller)).name)
    key = await office.key(caller)
    limited = replace(caller, projects=frozenset({project}))

    for work in (office.key(limited), office.project(limited), office.token(limited)):
        with pytest.raises(Forbidden) as refused:
            await work
        assert refused.value.reason == "CREDENTIAL_LIMITED"
    with pytest.raises(Forbidden):
        await office.accounts.revoke_key(limited, id_of(key.name))
    assert await office.found(key.secret) is not None


async def test_a_revoked_key_opens_nothing_at_once_here_and_soon_elsewhere(
    office: Office, caller: Caller, connect: Callable[..., Database]
) -> None:
    elsewhere = Office(connect("accounts"))
    made, other = await office.key(caller), await office.key(caller)
    assert await office.found(made.secret) is not None
    assert await elsewhere.found(made.secret) is not None

    await office.accounts.revoke_key(caller, id_of(made.name))

    assert await office.found(made.secret) is None
    await asyncio.sleep(REMEMBERED_SECONDS)
    assert await elsewhere.found(made.secret) is None
    assert await office.found(other.secret) is not None


async def test_revoking_again_changes_nothing(office: Office, caller: Caller) -> None:
    made = await office.key(caller)

    first = await office.accounts.revoke_key(caller, id_of(made.name))
    again = await office.accounts.revoke_key(caller, id_of(made.name))

    assert first.revoked_at is not None
    assert again == first


async def test_nobody_revokes_a_key_of_somebody_else(office: Office, caller: Caller) -> None:
    made, stranger = await office.key(caller), await office.organization("Theirs")

    told = []
    for key in (id_of(made.name), ids.new_id()):
        with pytest.raises(NotFound) as refused:
            await office.accounts.revoke_key(stranger, key)
        told.append((refused.value.reason, str(refused.value)))

    assert told[0] == told[1]
    assert await office.found(made.secret) is not None


async def test_a_token_speaks_for_one_organization_until_it_ends(office: Office, caller: Caller) -> None:
    person = await office.tokens.verify(await office.token(caller))

    assert (person.subject, person.organizations) == ("ada", frozenset({caller.organization}))
    short = await office.token(caller, ttl=datetime.timedelta(seconds=1))
    await asyncio.sleep(2)
    with pytest.raises(DomainError):
        await office.tokens.verify(short)


@pytest.mark.parametrize("hours", [0, -1, 25])
async def test_a_token_lasts_some_time_and_at_most_a_day(office: Office, caller: Caller, hours: int) -> None:
    with pytest.raises(Invalid) as refused:
        await office.token(caller, ttl=datetime.timedelta(hours=hours))

    assert refused.value.reason == "TTL_INVALID"


async def _everything(office: Office) -> bytes:
    """All rows of all of the accounts' tables, as text."""

    async def read(tx: Transaction) -> bytes:
        tables = ("organization", "project", "api_key", "idempotency")
        rows = [await tx.raw.fetch(f"SELECT t::text AS row FROM {table} t") for table in tables]
        return "\n".join(row["row"] for table in rows for row in table).encode()

    return await office.database.transaction(read)
