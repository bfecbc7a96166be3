"""Owns the list of programs: what runs, with which command and environment, how it is asked and how it is stopped.

Never starts one. A program belongs to a part: `delivery-2` to `delivery`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tools.stack import environment, kafka
from tools.stack.layout import Layout
from tools.stack.parts import SERVICES
from tools.stack.ports import Ports
from tools.stack.postgres import PostgresHome
from tools.stack.probes import Probe, Question
from tools.stack.secrets import Secrets

# Calls that somebody waits for come before bulk sending and before what stands for machines elsewhere; both still get
# a tenth of a busy core, so that pauses are answered and the supervisor sees them alive.
_NICENESS = {"delivery": 10, "sandbox": 10}
_MODULES = {"gateway": "gateway.main", "sandbox": "sandbox.main"}


@dataclass(frozen=True)
class Program:
    name: str
    part: str
    command: tuple[str, ...]
    live: Probe
    ready: Probe
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None  # None: whoever started the stack
    stop_signal: str = "TERM"
    stop_seconds: int = 15


@dataclass(frozen=True)
class Plan:
    """Everything that the programs' commands and environments are made of."""

    layout: Layout
    ports: Ports
    secrets: Secrets
    delivery_processes: int


def postgres_program(home: PostgresHome, ports: Ports) -> Program:
    return Program(
        name="postgres",
        part="postgres",
        command=home.command,
        live=Probe(Question.POSTGRES_ANY, ports["postgres"]),
        ready=Probe(Question.POSTGRES_LOGIN, ports["postgres"]),
        user=home.account.name if home.account else None,
        stop_signal="INT",  # "fast": TERM would wait for every client to leave
        stop_seconds=30,
    )


def kafka_program(plan: Plan) -> Program:
    return Program(
        name="kafka",
        part="kafka",
        command=kafka.command(plan.layout),
        live=Probe(Question.KAFKA_VERSIONS, plan.ports["kafka"]),
        ready=Probe(Question.KAFKA_BROKERS, plan.ports["kafka"]),
    )


def envoy_program(plan: Plan) -> Program:
    envoy = str(Path(sys.executable).with_name("envoy"))
    configuration = str(plan.layout.envoy_configuration)
    return Program(
        name="envoy",
        part="envoy",
        # Draining closes idle connections at once, since `down` waits for it.
        command=(envoy, "-c", configuration, "--disable-hot-restart", "--concurrency", "1", "-l", "warn",
                 "--drain-strategy", "immediate", "--drain-time-s", "3"),
        live=Probe(Question.HTTP_ANY, plan.ports["envoy_admin"], "/ready"),
        ready=Probe(Question.HTTP_OK, plan.ports["envoy_admin"], "/ready"),
    )  # fmt: skip


def service_programs(plan: Plan, part: str) -> list[Program]:
    """One program per process of a service; only delivery has more than one."""
    if part != "delivery":
        return [_service(plan, name=part, part=part, http=f"{part}_http")]
    return [
        _service(plan, name=f"delivery-{number}", part=part, http=f"delivery_http_{number}")
        for number in range(1, plan.delivery_processes + 1)
    ]


def _service(plan: Plan, *, name: str, part: str, http: str) -> Program:
    return _python(
        name=name,
        part=part,
        port=plan.ports[http],
        settings=environment.service(part, ports=plan.ports, secrets=plan.secrets, http=http) | _own(plan, part),
    )


def _own(plan: Plan, part: str) -> dict[str, str]:
    match part:
        case "gateway":
            return dict(environment.gateway(plan.secrets))
        case "segments":
            return dict(environment.segments(plan.ports))
        case "delivery":
            return dict(environment.delivery(plan.layout, ports=plan.ports, secrets=plan.secrets))
        case _:
            return {}


def sandbox_program(plan: Plan) -> Program:
    settings = dict(environment.sandbox(plan.layout, ports=plan.ports))
    # Not its first page: that one reads the newest messages, and would do so every second.
    answers = Probe(Question.HTTP_ANY, plan.ports["sandbox"], "/live")
    return replace(_python(name="sandbox", part="sandbox", port=0, settings=settings), live=answers, ready=answers)


def _python(*, name: str, part: str, port: int, settings: dict[str, str]) -> Program:
    return Program(
        name=name,
        part=part,
        command=(*_nice(part), sys.executable, "-m", _MODULES.get(part, f"services.{part}.main")),
        live=Probe(Question.HTTP_OK, port, "/live"),
        ready=Probe(Question.HTTP_OK, port, "/ready"),
        environment=settings,
    )


def _nice(part: str) -> tuple[str, ...]:
    """What a command begins with, where it stands back; `nice` becomes the command, so that the pid is the same."""
    return ("nice", "-n", str(_NICENESS[part])) if part in _NICENESS else ()


def programs(plan: Plan, home: PostgresHome, *, parts: tuple[str, ...]) -> list[Program]:
    """The programs of `parts`, in the order of PARTS."""
    listed = [postgres_program(home, plan.ports), kafka_program(plan), sandbox_program(plan)]
    for part in SERVICES:
        listed += service_programs(plan, part)
    listed.append(envoy_program(plan))
    return [program for program in listed if program.part in parts]
