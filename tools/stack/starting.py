"""Owns the order in which a prepared stack starts: infrastructure, migration, services; each waits for its needs."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from tools.stack import description, environment, reservations, supervision
from tools.stack.errors import StackError
from tools.stack.layout import Layout
from tools.stack.parts import SERVICES
from tools.stack.ports import DIALECTS
from tools.stack.preparation import Prepared
from tools.stack.programs import Program
from tools.stack.readiness import wait_until_ready
from tools.stack.steps import run_module
from tools.stack.supervisor_client import Supervisor

READY_WITHIN = 90.0  # seconds, on a machine that is busy with something else


def start(layout: Layout, prepared: Prepared, *, say: Callable[[str], None]) -> None:
    """Start everything and describe it. Raises StackError; what had started by then runs on."""
    supervision.write_configuration(layout, prepared.programs)
    supervisor = supervision.start(layout)
    reservations.hand_over(to=supervisor.pid())
    with _explaining():
        _start_in_order(_Starter(layout, supervisor), prepared, say)
    _describe(layout, prepared, supervisor)


class _Starter:
    def __init__(self, layout: Layout, supervisor: Supervisor) -> None:
        self.layout, self.supervisor = layout, supervisor

    def launch(self, chosen: Iterable[Program]) -> None:
        for program in chosen:
            self.supervisor.start(program.name)

    def wait(self, chosen: Iterable[Program]) -> None:
        wait_until_ready(chosen, self.supervisor, self.layout, seconds=READY_WITHIN)


def _start_in_order(starter: _Starter, prepared: Prepared, say: Callable[[str], None]) -> None:
    say("starting PostgreSQL and Kafka")
    starter.launch(prepared.of("postgres", "kafka", "sandbox"))
    starter.wait(prepared.of("postgres"))
    if services := prepared.of(*SERVICES, "envoy"):
        say("migrating the database")
        _migrate(starter.layout, prepared)
        starter.wait(prepared.of("kafka"))
        say("starting the services")
        starter.launch(services)
    starter.wait(prepared.programs)


def _migrate(layout: Layout, prepared: Prepared) -> None:
    settings = environment.migration(ports=prepared.plan.ports, secrets=prepared.plan.secrets)
    run_module(layout, "migrate", "tools.migrate", environment=settings)


def _describe(layout: Layout, prepared: Prepared, supervisor: Supervisor) -> None:
    plan = prepared.plan
    told = description.addresses(
        plan.ports.by_name,
        parts={program.part for program in prepared.programs},
        dialects=DIALECTS,
        postgres=environment.admin_url(plan.ports, plan.secrets),
    )
    processes = description.group((one.name, one.pid) for one in supervisor.processes())
    description.begin(layout, told, processes)


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except xmlrpc.client.Fault as fault:
        raise StackError(f"supervisord refused: {fault.faultString}") from fault
