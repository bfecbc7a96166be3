"""Routes are read from the annotations."""

from __future__ import annotations

import pytest

from gateway.apis import APIS
from gateway.native import NATIVE
from gateway.routes import find

ROUTES = NATIVE.routes()


@pytest.mark.parametrize(
    ("verb", "path", "method"),
    [
        ("GET", "/v1/projects/p", "GetProject"),
        ("GET", "/v1/projects/p/campaigns/c", "GetCampaign"),
        ("GET", "/v1/projects/p/campaigns/c:watch", "WatchCampaign"),
        ("GET", "/v1/projects/p/campaigns/c/stats", "GetCampaignStats"),
        ("GET", "/v1/projects/p/campaigns/c/runs/r:reconcile", "Reconcile"),
        ("POST", "/v1/projects/p/campaigns/c:pause", "PauseCampaign"),
    ],
)
def test_the_most_specific_route_is_found(verb: str, path: str, method: str) -> None:
    route, _ = find(ROUTES, verb=verb, path=path)

    assert route is not None
    assert route.method.name == method


def test_every_method_of_every_api_has_a_route() -> None:
    for api in APIS:
        routed = {route.method.full_name for route in api.routes()}
        offered = {method.full_name for service in api.services for method in service.methods}

        assert routed == offered


def test_nothing_between_services_is_offered() -> None:
    offered = {service.full_name for api in APIS for service in api.services}

    assert not any(".feeds." in name or name.endswith("ControlService") for name in offered)
