"""What Envoy is told, without asking it: `python -m gateway.envoy --check` does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.apis import APIS
from gateway.edge.filters import AUTHORIZATION, TRANSCODER
from gateway.envoy import configuration, sample

WRITTEN = json.loads(json.dumps(configuration(sample())))


def manager(listener: str) -> dict[str, Any]:
    (found,) = [item for item in WRITTEN["static_resources"]["listeners"] if item["name"] == listener]
    config: dict[str, Any] = found["filter_chains"][0]["filters"][0]["typed_config"]
    return config


def hosts() -> dict[str, dict[str, Any]]:
    return {host["name"]: host for host in manager("edge")["route_config"]["virtual_hosts"]}


def actions(host: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for route in hosts()[host]["routes"]:
        if "route" in route:
            yield json.dumps(route["match"]), route["route"]


def test_each_api_has_a_host_of_its_own_by_name_and_by_port() -> None:
    ports = {"native": 8080, "reachbell": 8081}

    for api in APIS:
        name = f"{api.name}.localhost"
        assert hosts()[api.name]["domains"] == [name, f"{name}:*", f"*:{ports[api.name]}"]


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_every_host_has_its_own_door_and_transcoder(api: Any) -> None:
    own = hosts()[api.name]["typed_per_filter_config"]

    assert own[AUTHORIZATION]["check_settings"]["context_extensions"] == {"api": api.name}
    assert own[TRANSCODER]["services"] == [service.full_name for service in api.services]


def test_streams_are_never_cut_and_have_clusters_of_their_own() -> None:
    streams = [
        action for match, action in [*actions("native"), *actions("reachbell")] if "_streams" in action["cluster"]
    ]

    assert len(streams) == 4  # WatchCampaign by REST and by gRPC, ReachBell's progress and CSV
    assert all((action["timeout"], action["idle_timeout"]) == ("0s", "0s") for action in streams)


def test_no_command_is_sent_twice() -> None:
    for api in APIS:
        for match, action in actions(api.name):
            if '"GET"' not in match and "retry_policy" in action:
                assert action["retry_policy"]["retry_on"] == "connect-failure,refused-stream"


def test_what_is_not_listed_is_not_offered() -> None:
    written = json.dumps(WRITTEN)

    assert "carillon.feeds" not in written
    assert "ControlService" not in written
    assert "grpc.health" not in written
    assert hosts()["native"]["routes"][-1] == {"match": {"prefix": "/"}, "direct_response": {"status": 404}}


def test_no_forged_identity_comes_in() -> None:
    (strip,) = manager("edge")["early_header_mutation_extensions"]

    assert {"remove": "x-carillon-identity"} in strip["typed_config"]["mutations"]


def test_the_filters_are_in_their_order() -> None:
    names = [item["name"].rpartition(".")[2] for item in manager("edge")["http_filters"]]

    assert names == ["lua", "cors", "ext_authz", "grpc_json_transcoder", "router"]
