"""Owns supervisord: its configuration and its start.

Never decides that a program is ill (`liveness.py` does) and never waits for one to be ready (`readiness.py`).
"""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from tools.stack.errors import StackError
from tools.stack.files import write_json, write_private
from tools.stack.layout import REPOSITORY, Layout
from tools.stack.programs import Program
from tools.stack.supervisor_client import GROUP, Supervisor

MARK = "CARILLON_STACK_DIRECTORY"  # in the environment of everything that a stack starts
_LONGEST_SOCKET_PATH = 90  # the kernel's limit is 108 on Linux, 104 elsewhere; supervisord binds a longer draft of it

_SUPERVISORD = """\
[supervisord]
logfile = {logs}/supervisord.log
logfile_maxbytes = 5MB
logfile_backups = 1
pidfile = {directory}/supervisord.pid
childlogdir = {logs}
directory = {repository}
minfds = {files}
{user}
[unix_http_server]
file = {socket}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[eventlistener:liveness]
command = {listener}
events = PROCESS_STATE
buffer_size = 1000
startretries = 1000
stdout_logfile = NONE
stderr_logfile = {logs}/liveness.log
stderr_logfile_maxbytes = 5MB
stderr_logfile_backups = 1
"""

# A few quick tries: whoever fails them all is FATAL for two seconds, in which `up` sees it, then tried anew by the
# listener; the pause between two tries stays under four seconds, whatever happened.
_PROGRAM = """
[program:{name}]
command = {command}
autostart = false
autorestart = true
startsecs = 1
startretries = 3
stopsignal = {stop_signal}
stopwaitsecs = {stop_seconds}
killasgroup = true
redirect_stderr = true
stdout_logfile = {log}
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 2
{user}
environment = {environment}
"""


def write_configuration(layout: Layout, programs: Iterable[Program]) -> None:
    """Write what supervisord and its listener read; private, since environments carry secrets."""
    programs = list(programs)
    _shorten_socket_path(layout)
    write_private(layout.supervisor_configuration, configuration(layout, programs))
    write_json(layout.probes, {program.name: asdict(program.live) for program in programs})


def configuration(layout: Layout, programs: Iterable[Program]) -> str:
    """The text of supervisord.conf."""
    head = _SUPERVISORD.format(
        directory=_value(layout.directory),
        repository=_value(REPOSITORY),
        logs=_value(layout.logs),
        files=_open_files(),
        user="user = root\n" if os.geteuid() == 0 else "",  # said, or supervisord warns about it
        socket=_value(layout.socket),
        listener=_command((sys.executable, "-m", "tools.stack.liveness", str(layout.directory))),
    )
    programs = list(programs)
    group = f"\n[group:{GROUP}]\nprograms = {','.join(program.name for program in programs)}\n"
    return head + group + "".join(_section(layout, program) for program in programs)


def _section(layout: Layout, program: Program) -> str:
    return _PROGRAM.format(
        name=program.name,
        command=_command(program.command),
        stop_signal=program.stop_signal,
        stop_seconds=program.stop_seconds,
        log=_value(layout.log(program.name)),
        user=f"user = {program.user}" if program.user else "",
        environment=_environment({"PYTHONUNBUFFERED": "1", **program.environment}),
    )


def _value(path: Path) -> str:
    return str(path).replace("%", "%%")


def _command(words: Iterable[str]) -> str:
    return shlex.join(words).replace("%", "%%")


def _environment(variables: Mapping[str, str]) -> str:
    for name, value in variables.items():
        if '"' in value or "\n" in value:  # supervisord has no way to write them
            raise StackError(f"{name} contains a quote or a line break")
    return ",".join(f'{name}="{value}"' for name, value in variables.items()).replace("%", "%%")


def _open_files() -> int:
    """As many as Envoy and Kafka like to have, where the system allows it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)


def _shorten_socket_path(layout: Layout) -> None:
    if len(os.fsencode(layout.directory)) < _LONGEST_SOCKET_PATH - len("/supervisor.sock"):
        return
    if not layout.socket_link.exists():  # also where it leads to a directory that was cleaned away
        layout.socket_link.unlink(missing_ok=True)
        layout.socket_link.symlink_to(tempfile.mkdtemp(prefix="carillon-", dir="/tmp"))


def running(layout: Layout) -> Supervisor | None:
    """The supervisor that answers at this stack's socket."""
    supervisor = Supervisor(layout.socket)
    try:
        supervisor.pid()
    except OSError:
        return None
    return supervisor


def start(layout: Layout) -> Supervisor:
    """Start supervisord in the background; no program runs yet."""
    command = (sys.executable, "-m", "supervisor.supervisord", "-c", str(layout.supervisor_configuration))
    finished = subprocess.run(
        command, env={**os.environ, MARK: str(layout.directory)}, capture_output=True, text=True, check=False
    )
    until = time.monotonic() + 10
    while finished.returncode == 0 and time.monotonic() < until:
        if supervisor := running(layout):
            return supervisor
        time.sleep(0.02)
    raise StackError(f"supervisord did not start:\n{finished.stdout}{finished.stderr}")
