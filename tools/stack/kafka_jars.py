"""Owns Kafka's jars: fetches exactly what `kafka.lock.toml` names, checks every checksum, and keeps them in the cache.

Never resolves a version while setting up: `python -m tools.stack.kafka_jars` does that, once, when Kafka is upgraded.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tools.stack.errors import StackError
from tools.stack.layout import CACHE

if TYPE_CHECKING:
    from jgo.env import LockFile
    from jgo.maven import Artifact, Dependency, MavenContext

LOCK = Path(__file__).with_name("kafka.lock.toml")
REPOSITORY = CACHE / "kafka"
_COMPLETE = REPOSITORY / "complete"

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
# Kafka logs through SLF4J 1.7 and brings log4j, but nothing that connects them. "!": without it the binding's
# parent manages Kafka's own versions too, and half of Kafka becomes 3.8.
BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4!"


def fetch() -> list[Path]:
    """Every jar's path, verified. Uses the network only where the cache is not complete for this lock."""
    locked = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if _COMPLETE.exists():
        stamp, *paths = _COMPLETE.read_text(encoding="utf-8").splitlines()
        if stamp == locked and all((REPOSITORY / path).exists() for path in paths):
            return [REPOSITORY / path for path in paths]
    jars = _download()
    names = "\n".join(str(jar.relative_to(REPOSITORY)) for jar in jars)
    _COMPLETE.write_text(f"{locked}\n{names}\n", encoding="utf-8")
    return jars


def _download() -> list[Path]:
    from jgo.env import LockFile

    context, lock = _context(), LockFile.load(LOCK)
    _drop_damaged(lock, context)  # a download that was cut short
    artifacts = _artifacts(lock, context)
    with ThreadPoolExecutor(max_workers=6) as pool:
        jars = list(pool.map(lambda artifact: artifact.resolve(), artifacts))
    if errors := lock.verify_checksums(REPOSITORY):
        raise StackError("Kafka's jars are not those of the lock file:\n" + "\n".join(errors))
    return jars


def _context() -> MavenContext:
    import truststore

    truststore.inject_into_ssl()  # trust what the machine trusts, also with an empty environment
    from jgo.maven import MavenContext

    return MavenContext(repo_cache=REPOSITORY, timeout=60)


def _artifacts(lock: LockFile, context: MavenContext) -> list[Artifact]:
    return [
        context.project(entry.groupId, entry.artifactId).at_version(entry.version).artifact()
        for entry in lock.dependencies
    ]


def _drop_damaged(lock: LockFile, context: MavenContext) -> None:
    from jgo.env._lockfile import compute_sha256

    for entry, artifact in zip(lock.dependencies, _artifacts(lock, context), strict=True):
        path = artifact.cached_path
        if path is not None and path.exists() and compute_sha256(path) != entry.sha256:
            path.unlink()


def write_lock() -> None:
    """Resolve Kafka and its logging binding anew and write the lock file."""
    from jgo.env import LockFile
    from jgo.parse import Coordinate

    context = _context()
    found: dict[tuple[str, str], Dependency] = {}
    for coordinate in (KAFKA, BINDING):  # apart, Kafka first: its versions win
        inputs, more = context.resolver.resolve([context.create_dependency(Coordinate.parse(coordinate))])
        for dependency in (*inputs, *(one for one in more if one.scope in ("compile", "runtime"))):
            found.setdefault((dependency.artifact.groupId, dependency.artifact.artifactId), dependency)
    LockFile.from_resolved_dependencies(list(found.values())).save(LOCK)


if __name__ == "__main__":
    write_lock()
