"""The same answer is the same bytes."""

from __future__ import annotations

from typing import Any

import grpc
from carillon.dialects.reachbell.v1 import campaigns_api_pb2 as pb
from carillon.dialects.reachbell.v1.campaigns_api_pb2_grpc import (
    CampaignsServiceServicer,
    add_CampaignsServiceServicer_to_server,
)

from gateway import same_bytes

METHOD = "/carillon.dialects.reachbell.v1.CampaignsService/GetCampaign"


class Details:
    method = METHOD
    invocation_metadata = ()


class Server:
    """Keeps what is added to it."""

    def __init__(self) -> None:
        self.handlers: list[grpc.GenericRpcHandler] = []

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self.handlers.extend(handlers)


def campaign(order: list[int]) -> pb.Campaign:
    """Filters on many attributes, put in in this order."""
    answer = pb.Campaign()
    for number in order:
        answer.segment.filters.get_or_create_list(f"attribute {number}").extend(["x"])
    return answer


def test_a_map_is_written_in_the_order_of_its_keys() -> None:
    server: Any = Server()
    same_bytes.add(add_CampaignsServiceServicer_to_server, CampaignsServiceServicer(), server)
    (handlers,) = server.handlers
    serialize = handlers.service(Details()).response_serializer

    up, down = serialize(campaign(list(range(50)))), serialize(campaign(list(range(50))[::-1]))

    assert up == down
    assert up.index(b"attribute 10") < up.index(b"attribute 11") < up.index(b"attribute 12")
    assert pb.Campaign.FromString(up) == campaign(list(range(50)))


def test_a_method_that_is_not_there_is_not_found() -> None:
    server: Any = Server()
    same_bytes.add(add_CampaignsServiceServicer_to_server, CampaignsServiceServicer(), server)
    (handlers,) = server.handlers
    details = Details()
    details.method = "/nothing"

    assert handlers.service(details) is None
