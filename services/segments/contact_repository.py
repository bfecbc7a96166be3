"""Owns the statements on contacts and their push subscriptions: always of one tenant, always by the set.

Never decides what a contact may be. `push_count` changes only here, by exactly what was inserted, moved or retired.
"""

from __future__ import annotations

import datetime
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import sqlalchemy as sa

from services.runtime import ids
from services.runtime.database import Transaction
from services.segments import tables
from services.segments.domain.contacts import Contact, Subscription
from services.segments.domain.filters import Filter
from services.segments.filter_sql import compile_filter
from services.segments.walk_sql import field_value, messages_of, reachable

UPSERT_CONTACTS = """
INSERT INTO contact (tenant, project, id, external_id, country, locale, time_zone, tags, attributes, email)
SELECT $1, $2, i.id, i.external_id, i.country, i.locale, i.time_zone,
       ARRAY(SELECT json_array_elements_text(i.tags::json)), i.attributes::jsonb, i.email
  FROM unnest($3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
              $10::text[])
       AS i(id, external_id, country, locale, time_zone, tags, attributes, email)
ON CONFLICT (tenant, project, external_id) DO UPDATE
   SET country = excluded.country, locale = excluded.locale, time_zone = excluded.time_zone,
       tags = excluded.tags, attributes = excluded.attributes, email = excluded.email,
       update_time = clock_timestamp()
RETURNING external_id, id
"""
# A retired endpoint stays retired until the browser subscribes anew, which gives it new keys.
UPSERT_SUBSCRIPTIONS = """
INSERT INTO push_subscription AS s (tenant, project, contact, id, endpoint, p256dh, auth)
SELECT $1, $2, i.contact, i.id, i.endpoint, i.p256dh, i.auth
  FROM unnest($3::bytea[], $4::bytea[], $5::text[], $6::bytea[], $7::bytea[])
       AS i(contact, id, endpoint, p256dh, auth)
ON CONFLICT (tenant, project, endpoint) DO UPDATE
   SET contact = excluded.contact, p256dh = excluded.p256dh, auth = excluded.auth,
       retire_time = CASE WHEN (s.p256dh, s.auth) = (excluded.p256dh, excluded.auth) THEN s.retire_time END
 WHERE (s.contact, s.p256dh, s.auth) IS DISTINCT FROM (excluded.contact, excluded.p256dh, excluded.auth)
RETURNING CASE WHEN old.retire_time IS NULL THEN old.contact END AS lost_by,
          CASE WHEN new.retire_time IS NULL THEN new.contact END AS won_by
"""
# None where the browser is known to nobody but the contact that is made of it.
OWNER_OF_BROWSER = """
SELECT s.contact FROM push_subscription AS s
  JOIN contact AS c ON c.tenant = s.tenant AND c.project = s.project AND c.id = s.contact
 WHERE s.tenant = $1 AND s.project = $2 AND s.endpoint = $3 AND c.external_id <> $4
"""
# What a page does not know does not overwrite what is known; tags and attributes are the project's own.
UPSERT_NAMELESS = """
INSERT INTO contact AS c (tenant, project, id, external_id, country, locale, time_zone)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant, project, external_id) DO UPDATE
   SET country = coalesce(nullif(excluded.country, ''), c.country),
       locale = coalesce(nullif(excluded.locale, ''), c.locale),
       time_zone = coalesce(nullif(excluded.time_zone, ''), c.time_zone), update_time = clock_timestamp()
RETURNING id
"""
RETIRE = """
UPDATE push_subscription SET retire_time = $3
 WHERE tenant = $1 AND id = ANY($2::bytea[]) AND retire_time IS NULL RETURNING project, contact
"""
# By a list of ids, not a join: without statistics, as after a large upload, the planner would join the wrong way round.
ADD_PUSH_COUNT = """
UPDATE contact SET push_count = push_count + $4 WHERE tenant = $1 AND project = $2 AND id = ANY($3::bytea[])
"""
LEARN_ATTRIBUTES = """
INSERT INTO attribute_key (tenant, project, key) SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING
"""
KNOWN_ATTRIBUTES = "SELECT key FROM attribute_key WHERE tenant = $1 AND project = $2 AND key = ANY($3::text[])"
# The same spelling rule as services/field_names.py.
ATTRIBUTES_OF = r"""
SELECT key, field FROM (
    SELECT key, lower(regexp_replace(key COLLATE "C", '([a-z0-9])([A-Z])', '\1_\2', 'g')) AS field
      FROM attribute_key WHERE tenant = $1 AND project = $2) AS known
 WHERE field = ANY($3::text[]) ORDER BY key <> field, key
"""
COUNT_REACHABLE = """
SELECT count(*)::int, coalesce(sum({messages}), 0)::int{absences}
  FROM contact AS c WHERE c.tenant = $1 AND c.project = $2 AND {reachable} AND {condition}
"""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far some channels reach into a filter; `absent` counts, for each field asked about, those without it."""

    people: int
    messages: int
    absent: tuple[int, ...] = ()


async def upsert(tx: Transaction, tenant: bytes, project: bytes, contacts: Sequence[Contact]) -> list[bytes]:
    """Make or change these contacts, each once; their ids, in the same order."""
    known = await _upsert_contacts(tx, tenant, project, contacts)
    found = [known[contact.external_id] for contact in contacts]
    pairs = [(owner, item) for owner, contact in zip(found, contacts, strict=True) for item in contact.subscriptions]
    await _upsert_subscriptions(tx, tenant, project, pairs)
    await _learn_attributes(tx, tenant, project, {key for contact in contacts for key in contact.attributes})
    return found


async def _learn_attributes(tx: Transaction, tenant: bytes, project: bytes, keys: Set[str]) -> None:
    """Last of all, and only what is new: another request with the same new key waits for this one's commit."""
    unknown = keys - await known_attributes(tx, tenant, project, sorted(keys))
    if unknown:
        await tx.raw.execute(LEARN_ATTRIBUTES, tenant, project, sorted(unknown))


async def _upsert_contacts(
    tx: Transaction, tenant: bytes, project: bytes, contacts: Sequence[Contact]
) -> dict[str, bytes]:
    ordered = sorted(contacts, key=lambda contact: contact.external_id)  # two requests lock in the same order
    rows = await tx.raw.fetch(
        UPSERT_CONTACTS,
        tenant,
        project,
        ids.new_ids(len(ordered)),
        [contact.external_id for contact in ordered],
        [contact.country for contact in ordered],
        [contact.locale for contact in ordered],
        [contact.time_zone for contact in ordered],
        [json.dumps(contact.tags) for contact in ordered],
        [json.dumps(dict(contact.attributes)) for contact in ordered],
        [contact.email for contact in ordered],
    )
    return dict(rows)


async def _upsert_subscriptions(
    tx: Transaction, tenant: bytes, project: bytes, pairs: Sequence[tuple[bytes, Subscription]]
) -> None:
    if not pairs:
        return
    pairs = sorted(pairs, key=lambda pair: pair[1].endpoint)
    rows = await tx.raw.fetch(
        UPSERT_SUBSCRIPTIONS,
        tenant,
        project,
        [owner for owner, _ in pairs],
        ids.new_ids(len(pairs)),
        [item.endpoint for _, item in pairs],
        [item.p256dh for _, item in pairs],
        [item.auth for _, item in pairs],
    )
    gains = Counter(row["won_by"] for row in rows if row["won_by"])
    gains.subtract(row["lost_by"] for row in rows if row["lost_by"])
    await _add_push_counts(tx, tenant, project, gains)


async def _add_push_counts(tx: Transaction, tenant: bytes, project: bytes, gains: Mapping[bytes, int]) -> None:
    for gain in sorted(set(gains.values()) - {0}):  # seldom more than one
        changed = sorted(contact for contact, its_gain in gains.items() if its_gain == gain)
        await tx.raw.execute(ADD_PUSH_COUNT, tenant, project, changed, gain)


async def keep_browser(
    tx: Transaction, tenant: bytes, project: bytes, contact: Contact, subscription: Subscription
) -> None:
    """Keep a browser with the contact that has it, in whose place `contact` is made or brought up to date."""
    owner = await tx.raw.fetchval(OWNER_OF_BROWSER, tenant, project, subscription.endpoint, contact.external_id)
    if owner is None:
        owner = await tx.raw.fetchval(
            UPSERT_NAMELESS,
            tenant,
            project,
            ids.new_id(),
            contact.external_id,
            contact.country,
            contact.locale,
            contact.time_zone,
        )
    await _upsert_subscriptions(tx, tenant, project, [(owner, subscription)])


async def find(
    tx: Transaction, tenant: bytes, project: bytes | None, contact: bytes
) -> tuple[sa.Row[tuple[object, ...]], Sequence[sa.Row[tuple[object, ...]]]] | None:
    """The contact's row and its subscriptions' rows."""
    people, browsers = tables.contact, tables.push_subscription
    row = (
        await tx.execute(
            sa.select(people).where(
                people.c.tenant == tenant,
                people.c.id == contact,
                sa.true() if project is None else people.c.project == project,
            )
        )
    ).first()
    if row is None:
        return None
    subscriptions = await tx.execute(
        sa.select(browsers)
        .where(browsers.c.tenant == tenant, browsers.c.project == row.project, browsers.c.contact == contact)
        .order_by(browsers.c.id)
    )
    return row, subscriptions.all()


async def retire(tx: Transaction, tenant: bytes, subscriptions: Sequence[bytes], at: datetime.datetime) -> None:
    """Take these subscriptions out of every later audience."""
    losses: dict[bytes, Counter[bytes]] = defaultdict(Counter)
    for project, contact in await tx.raw.fetch(RETIRE, tenant, subscriptions, at):
        losses[project][contact] -= 1
    for project, gains in sorted(losses.items()):
        await _add_push_counts(tx, tenant, project, gains)


async def known_attributes(tx: Transaction, tenant: bytes, project: bytes, keys: Sequence[str]) -> frozenset[str]:
    """Which of these keys a contact of the project ever carried."""
    if not keys:
        return frozenset()
    return frozenset(row[0] for row in await tx.raw.fetch(KNOWN_ATTRIBUTES, tenant, project, keys))


async def attributes_of(
    tx: Transaction, tenant: bytes, project: bytes, fields: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    """For each of these fields, in snake_case, the attributes that contacts of the project ever carried for it; the one
    that is spelled so comes first."""
    found: dict[str, list[str]] = {field: [] for field in fields}
    if fields:
        for key, field in await tx.raw.fetch(ATTRIBUTES_OF, tenant, project, list(found)):
            found[field].append(key)
    return found


async def count_reachable(
    tx: Transaction,
    tenant: bytes,
    project: bytes,
    tree: Filter,
    *,
    channels: Sequence[int],
    fields: Mapping[str, Sequence[str]] | None = None,
) -> Reach:
    """How many people of this filter the channels reach, by how many messages; `fields` are those to look for, with the
    attributes that each may be."""
    condition, parameters = compile_filter(tree, first=3)
    absences = []
    for field, keys in (fields or {}).items():
        absences.append(
            f", count(*) FILTER (WHERE {field_value(field, len(keys), first=3 + len(parameters))} = '')::int"
        )
        parameters += keys
    statement = COUNT_REACHABLE.format(
        messages=messages_of(channels),
        reachable=reachable(channels),
        absences="".join(absences),
        condition=condition,
    )
    # A generic plan would compare long lists of values one by one.
    await tx.raw.execute("SET LOCAL plan_cache_mode = force_custom_plan")
    row = await tx.raw.fetchrow(statement, tenant, project, *parameters)
    assert row is not None
    people, messages, *absent = row
    return Reach(people, messages, tuple(absent))


async def is_let_through(tx: Transaction, tenant: bytes, project: bytes, tree: Filter, *, contact: bytes) -> bool:
    """Whether a filter that is acceptable lets this contact through."""
    condition, parameters = compile_filter(tree, first=4)
    return bool(
        await tx.raw.fetchval(
            f"SELECT true FROM contact AS c WHERE c.tenant = $1 AND c.project = $2 AND c.id = $3 AND {condition}",
            tenant,
            project,
            contact,
            *parameters,
        )
    )
