"""Owns the statement that walks an audience: its positions, and of each contact the fields that the content uses.

Never lets anything sort or hash the contacts away: they come by their primary key, so the first row leaves at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carillon.segments.v1.segments_pb2 import CHANNEL_EMAIL, CHANNEL_HTTP, CHANNEL_PUSH

from services.field_names import BUILT_IN
from services.runtime import ids
from services.segments.domain.filters import Filter
from services.segments.filter_sql import compile_filter

NO_ENDPOINT = bytes(ids.SIZE)  # of a position that is the contact's only one on its channel
OWN = f"'\\x{NO_ENDPOINT.hex()}'::bytea"
# Fenced: without statistics, as after a large upload, the planner would join the tables the other way round. Where a
# contact's own row says all, there is nothing to join, and no fence lets the row be read at once.
FENCE = " OFFSET 0"
BRANCHES: Mapping[int, str] = {
    CHANNEL_PUSH: f"""(
        SELECT {CHANNEL_PUSH}::smallint AS channel, p.id AS endpoint, p.endpoint AS address, p.p256dh, p.auth
          FROM push_subscription AS p
         WHERE p.tenant = $1 AND p.project = $2 AND p.contact = c.id AND p.retire_time IS NULL
         ORDER BY p.id{FENCE})""",
    CHANNEL_EMAIL: f"""(
        SELECT {CHANNEL_EMAIL}::smallint AS channel, {OWN} AS endpoint, c.email AS address, ''::bytea AS p256dh,
               ''::bytea AS auth WHERE c.email <> '')""",
    CHANNEL_HTTP: f"""(
        SELECT {CHANNEL_HTTP}::smallint AS channel, {OWN} AS endpoint, c.external_id AS address,
               ''::bytea AS p256dh, ''::bytea AS auth)""",
}
REACHABLE: Mapping[int, str] = {CHANNEL_PUSH: "c.push_count > 0", CHANNEL_EMAIL: "c.email <> ''", CHANNEL_HTTP: "true"}
MESSAGES: Mapping[int, str] = {CHANNEL_PUSH: "c.push_count", CHANNEL_EMAIL: "(c.email <> '')::int", CHANNEL_HTTP: "1"}
CHANNELS = frozenset(BRANCHES)
WALK = """
SELECT c.id, s.channel, s.endpoint, s.address, s.p256dh, s.auth{fields}
  FROM contact AS c CROSS JOIN LATERAL (SELECT * FROM ({branches}) AS b{fence}) AS s
 WHERE c.tenant = $1 AND c.project = $2 AND c.id >= $3 AND (c.id, s.channel, s.endpoint) > ($3, $4::smallint, $5)
   AND {reachable} AND {condition}
 ORDER BY c.id, s.channel, s.endpoint
"""
FIRST_PARAMETER = 6  # behind tenant, project, and the last contact, channel and endpoint


def reachable(channels: Sequence[int]) -> str:
    """The condition on a contact `c` that any of these channels reaches it."""
    return f"({' OR '.join(REACHABLE[channel] for channel in sorted(set(channels)))})"


def messages_of(channels: Sequence[int]) -> str:
    """How many messages a contact `c` gets by these channels."""
    return " + ".join(MESSAGES[channel] for channel in sorted(set(channels)))


def field_value(field: str, keys: int, *, first: int) -> str:
    """The value of a field of a contact `c`, empty where it has none: a column, or the first of so many attributes,
    whose names are the parameters from `first`."""
    if field in BUILT_IN:
        return f"c.{field}"
    attributes = [f"nullif(c.attributes ->> ${index}::text, '')" for index in range(first, first + keys)]
    return f"coalesce({', '.join([*attributes, repr('')])})"


def compile_walk(
    *, channels: Sequence[int], tree: Filter, fields: Sequence[str], keys: Sequence[Sequence[str]]
) -> tuple[str, list[object]]:
    """The statement and its parameters behind the first five; `keys` are the attributes that each field may be."""
    condition, parameters = compile_filter(tree, first=FIRST_PARAMETER)
    columns = []
    for field, names in zip(fields, keys, strict=True):
        columns.append(field_value(field, len(names), first=FIRST_PARAMETER + len(parameters)))
        parameters += names
    by_contact_alone = len(set(channels)) == 1 and CHANNEL_PUSH not in channels
    statement = WALK.format(
        fence="" if by_contact_alone else FENCE,
        fields="".join(f", {column}" for column in columns),
        branches=" UNION ALL ".join(BRANCHES[channel] for channel in sorted(set(channels))),
        reachable=reachable(channels),
        condition=condition,
    )
    return statement, parameters
