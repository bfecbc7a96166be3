"""Owns everything that `up` makes before anything runs: ports, secrets, a cluster, a log directory, configurations.

Done again at every start, and each step does nothing where its work is there already.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tools.stack import environment, kafka, postgres, reservations, secrets
from tools.stack.errors import StackError
from tools.stack.files import read_json, write_json
from tools.stack.layout import Layout
from tools.stack.ports import Ports, part_listening, wishes
from tools.stack.programs import Plan, Program, programs
from tools.stack.steps import run_module


@dataclass(frozen=True)
class Prepared:
    """A stack that could be started."""

    plan: Plan
    home: postgres.PostgresHome
    programs: list[Program]

    def of(self, *parts: str) -> list[Program]:
        """The programs of these parts."""
        return [program for program in self.programs if program.part in parts]


def prepare(layout: Layout, *, parts: tuple[str, ...], delivery_processes: int, say: Callable[[str], None]) -> Prepared:
    """Choose the ports anew and make whatever is missing."""
    _refuse_lost_secrets(layout)
    _choose_ports(layout, parts=parts, delivery_processes=delivery_processes)
    prepared = recall(layout, parts=parts, delivery_processes=delivery_processes)
    _tell_place(layout, prepared.home, say)
    _at_once([step for part, step in _steps(prepared).items() if part in parts])
    return prepared


def recall(layout: Layout, *, parts: tuple[str, ...], delivery_processes: int) -> Prepared:
    """What the last `prepare` of this stack chose."""
    keys = secrets.load_or_create(layout.secrets)
    plan = Plan(layout, Ports(read_json(layout.ports)), keys, delivery_processes)
    home = postgres.find_home(layout, stack_id=keys.stack_id)
    return Prepared(plan, home, programs(plan, home, parts=parts))


def _choose_ports(layout: Layout, *, parts: tuple[str, ...], delivery_processes: int) -> None:
    wanted = wishes(delivery_processes=delivery_processes, previous=read_json(layout.ports) or {})
    needed = {name: port for name, port in wanted.items() if part_listening(name) in parts}
    write_json(layout.ports, wanted | reservations.reserve(needed))  # what is not needed must not push others away


def _steps(prepared: Prepared) -> dict[str, Callable[[], None]]:
    plan, home = prepared.plan, prepared.home
    return {
        "postgres": lambda: postgres.prepare(
            home, port=plan.ports["postgres"], password=plan.secrets.postgres_password
        ),
        "kafka": lambda: kafka.prepare(plan.layout, plan.ports),
        "envoy": lambda: _configure_envoy(plan),
        "delivery": lambda: plan.layout.delivery.mkdir(mode=0o700, exist_ok=True),
        "sandbox": lambda: plan.layout.sandbox.mkdir(mode=0o700, exist_ok=True),
    }


def _configure_envoy(plan: Plan) -> None:
    out = str(plan.layout.envoy_configuration)
    settings = environment.envoy_configuration(plan.ports)
    run_module(plan.layout, "envoy-configuration", "gateway.envoy", "--out", out, environment=settings)


def _at_once(work: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor() as pool:
        for finished in [pool.submit(one) for one in work]:
            finished.result()


def _refuse_lost_secrets(layout: Layout) -> None:
    if layout.postgres_place.exists() and not layout.secrets.exists():
        raise StackError(f"{layout.secrets} is gone, and with it the way into the database: begin anew with --remove")


def _tell_place(layout: Layout, home: postgres.PostgresHome, say: Callable[[str], None]) -> None:
    if not home.data.is_relative_to(layout.directory):
        say(f"PostgreSQL's files are in {home.data}: its user cannot enter {layout.directory}")
