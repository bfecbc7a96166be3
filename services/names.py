"""Owns resource names (AIP-122): how ids are spelled in them and how they are read back.

Never looks anything up: a name that is no name is NotFound, as is one that nobody has.
"""

from __future__ import annotations

from services.runtime import ids
from services.runtime.errors import NotFound

ANY_PROJECT = "-"

# collection → (prefix of its ids, what a person calls it)
COLLECTIONS = {
    "organizations": ("org", "organization"),
    "projects": ("proj", "project"),
    "apiKeys": ("key", "API key"),
    "campaigns": ("cmp", "campaign"),
    "runs": ("run", "run"),
    "contacts": ("con", "contact"),
    "pushSubscriptions": ("sub", "push subscription"),
    "segments": ("seg", "segment"),
    "providerAccounts": ("acc", "provider account"),
    "templates": ("tpl", "template"),
}


def spell(collection: str, value: bytes) -> str:
    """`cmp_…` for ("campaigns", id)."""
    return ids.spell(COLLECTIONS[collection][0], value)


def parse_id(collection: str, text: str, *, field: str) -> bytes:
    """The id that `cmp_…` spells; NotFound where it spells none."""
    prefix, noun = COLLECTIONS[collection]
    value = ids.parse(prefix, text)
    if value is None:
        raise NotFound(f"{noun.upper().replace(' ', '_')}_NOT_FOUND", f"There is no such {noun}.", field=field)
    return value


def join(*pairs: tuple[str, bytes]) -> str:
    """`projects/proj_…/campaigns/cmp_…` for (("projects", id), ("campaigns", id))."""
    return "/".join(f"{collection}/{spell(collection, value)}" for collection, value in pairs)


def split(name: str, *collections: str, field: str = "name") -> tuple[bytes | None, ...]:
    """The ids in a name of this pattern; None for a project given as `-`. NotFound where the name is another's."""
    parts = name.split("/")
    if len(parts) != 2 * len(collections) or tuple(parts[::2]) != collections:
        noun = COLLECTIONS[collections[-1]][1]
        raise NotFound(f"{noun.upper().replace(' ', '_')}_NOT_FOUND", f"There is no such {noun}.", field=field)
    return tuple(
        None if part == ANY_PROJECT and collection == "projects" else parse_id(collection, part, field=field)
        for collection, part in zip(collections, parts[1::2], strict=True)
    )


def split_project(name: str, *, field: str = "parent") -> bytes:
    """The project in `projects/proj_…`; `-` is none."""
    (project,) = split(name, "projects", field=field)
    if project is None:
        raise NotFound("PROJECT_NOT_FOUND", "There is no such project.", field=field)
    return project
