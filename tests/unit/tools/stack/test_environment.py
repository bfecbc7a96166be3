"""The environment of every process: names that the services' settings read."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tools.stack import secrets
from tools.stack.layout import Layout
from tools.stack.parts import PARTS
from tools.stack.ports import Ports, wishes
from tools.stack.postgres import PostgresHome
from tools.stack.programs import Plan, Program, programs


@pytest.fixture
def planned(tmp_path: Path) -> dict[str, Program]:
    plan = Plan(
        layout=Layout(tmp_path),
        ports=Ports(wishes(delivery_processes=2, previous={})),
        secrets=secrets.load_or_create(tmp_path / "secrets.json"),
        delivery_processes=2,
    )
    home = PostgresHome(binaries=tmp_path, data=tmp_path, account=None)
    return {program.name: program for program in programs(plan, home, parts=PARTS)}


def test_every_part_has_a_program_and_delivery_as_many_as_asked(planned: dict[str, Program]) -> None:
    assert {program.part for program in planned.values()} == set(PARTS)
    assert [name for name in planned if name.startswith("delivery")] == ["delivery-1", "delivery-2"]


def test_each_service_has_a_role_of_its_own(planned: dict[str, Program]) -> None:
    names = ("campaigns", "segments", "delivery-1", "analytics", "gateway")

    roles = [planned[name].environment["CARILLON_DATABASE_URL"].split("/")[2].split(":")[0] for name in names]

    assert roles == ["campaigns", "segments", "delivery", "analytics", "accounts"]


def test_delivery_processes_share_the_grpc_port_and_nothing_else(planned: dict[str, Program]) -> None:
    first, second = planned["delivery-1"].environment, planned["delivery-2"].environment

    assert first["CARILLON_LISTEN"] == second["CARILLON_LISTEN"]
    assert {name for name in first if first[name] != second[name]} == {"CARILLON_HTTP_LISTEN"}


def test_a_peers_address_is_where_that_peer_listens(planned: dict[str, Program]) -> None:
    for name in ("campaigns", "segments", "analytics", "gateway"):
        assert (
            planned["delivery-1"].environment[f"CARILLON_{name.upper()}"]
            == planned[name].environment["CARILLON_LISTEN"]
        )


def test_a_secret_reaches_only_those_that_need_it(planned: dict[str, Program]) -> None:
    holders = {
        secret: {program.part for program in planned.values() if secret in program.environment}
        for secret in ("CARILLON_TOKEN_KEY", "CARILLON_OPERATOR_KEY", "CARILLON_ENCRYPTION_KEY")
    }

    assert holders == {
        "CARILLON_TOKEN_KEY": {"gateway"},
        "CARILLON_OPERATOR_KEY": {"gateway"},
        "CARILLON_ENCRYPTION_KEY": {"delivery"},
    }


def test_keys_are_32_bytes_in_base64(planned: dict[str, Program]) -> None:
    settings = {**planned["gateway"].environment, **planned["delivery-1"].environment}

    for name in ("CARILLON_IDENTITY_SECRET", "CARILLON_TOKEN_KEY", "CARILLON_ENCRYPTION_KEY"):
        assert len(base64.b64decode(settings[name], validate=True)) == 32


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"

    first, second = secrets.load_or_create(path), secrets.load_or_create(path)

    assert first == second
    assert path.stat().st_mode & 0o077 == 0
    assert secrets.load_or_create(tmp_path / "other.json") != first
