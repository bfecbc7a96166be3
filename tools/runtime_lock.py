"""Owns the image's share of the lock file: `python -m tools.runtime_lock` prints the stanzas that the product needs.

Never resolves a version: what is printed is word for word what requirements.lock says. The embedded stack's parts
and the developers' tools, four fifths of the whole, stay out of the image.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ROOT = Path(__file__).resolve().parent.parent
_STANZA = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==.*(?:\n[ #].*)*", re.MULTILINE)


def closure(roots: Iterable[str], requirements_of: Callable[[str], list[str] | None]) -> set[str]:
    """The canonical names of `roots` (requirement lines) and of everything that they need on this machine."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(root) for root in roots]
    while waiting:
        one = waiting.pop()
        key = (canonicalize_name(one.name), frozenset(one.extras))
        if key not in found:
            found.add(key)
            needed = (Requirement(line) for line in requirements_of(one.name) or ())
            waiting += [each for each in needed if _wanted(each, one.extras)]
    return {name for name, _ in found}


def _wanted(requirement: Requirement, extras: Iterable[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def stanzas(lock: str, names: set[str]) -> str:
    """The lock's entries for these names, hashes and all. Raises LookupError where one is missing."""
    by_name = {str(canonicalize_name(match["name"])): match.group() for match in _STANZA.finditer(lock)}
    if missing := names - by_name.keys():
        raise LookupError(f"not in the lock: {', '.join(sorted(missing))}")
    return "\n".join(by_name[name] for name in sorted(names)) + "\n"


def main() -> None:
    """Print the product's part of the lock."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = closure(project["dependencies"], requires)
    print(stanzas((_ROOT / "requirements.lock").read_text(encoding="utf-8"), names), end="")


if __name__ == "__main__":
    main()
