"""Calls between our processes, over real sockets: who may call what, and what leaves when something is wrong."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
import structlog
from carillon.delivery.v1.control_service_pb2 import SetControlRequest, SetControlResponse
from carillon.delivery.v1.control_service_pb2_grpc import (
    ControlServiceServicer,
    ControlServiceStub,
    add_ControlServiceServicer_to_server,
)
from carillon.delivery.v1.delivery_pb2 import VapidKey
from carillon.delivery.v1.delivery_service_pb2 import GetVapidKeyRequest
from carillon.delivery.v1.delivery_service_pb2_grpc import (
    DeliveryServiceServicer,
    DeliveryServiceStub,
    add_DeliveryServiceServicer_to_server,
)
from carillon.feeds.v1.outcome_feed_service_pb2 import StreamOutcomesRequest, StreamOutcomesResponse
from carillon.feeds.v1.outcome_feed_service_pb2_grpc import (
    OutcomeFeedServiceServicer,
    OutcomeFeedServiceStub,
    add_OutcomeFeedServiceServicer_to_server,
)
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.runtime import ids
from services.runtime.errors import Conflict
from services.runtime.grpc_client import UNARY_SECONDS, open_channel
from services.runtime.grpc_server import GrpcServer
from services.runtime.identity import METADATA_KEY, Caller, IdentityTokens, bind_caller, current_caller
from services.runtime.interceptors import DETAILS_KEY
from services.runtime.settings import Address

TOKENS = IdentityTokens(bytes(range(32)))
CALLER = Caller(organization=ids.new_id(), subject="key:1")
NOBODYS_ADDRESS = "127.0.0.1:1"
Behaviour = Callable[[Any], Awaitable[None]]


async def _well(_: Any) -> None:
    return None


class Service(DeliveryServiceServicer, ControlServiceServicer, OutcomeFeedServiceServicer):
    """An open method, an internal one, an internal stream; each does what the test says."""

    def __init__(self) -> None:
        self.do: Behaviour = _well
        self.callers: list[Caller] = []

    async def GetVapidKey(self, request: GetVapidKeyRequest, context: Any) -> VapidKey:
        self.callers.append(current_caller())
        await self.do(context)
        return VapidKey(name=request.name)

    async def SetControl(self, request: SetControlRequest, context: Any) -> SetControlResponse:
        self.callers.append(current_caller())
        return SetControlResponse(epoch=request.epoch)

    async def StreamOutcomes(
        self, request: StreamOutcomesRequest, context: Any
    ) -> AsyncIterator[StreamOutcomesResponse]:
        yield StreamOutcomesResponse()
        await self.do(context)


@pytest.fixture
def service() -> Service:
    """What is called."""
    return Service()


@pytest.fixture
async def address(service: Service) -> AsyncIterator[str]:
    """Where it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = Address(f"127.0.0.1:{probe.getsockname()[1]}")

    def register(server: grpc.aio.Server) -> None:
        add_DeliveryServiceServicer_to_server(service, server)
        add_ControlServiceServicer_to_server(service, server)
        add_OutcomeFeedServiceServicer_to_server(service, server)

    server = GrpcServer(
        listen=address, tokens=TOKENS, services=["carillon.delivery.v1.DeliveryService"], register=register
    )
    await server.start()
    yield address
    await server.stop()


@pytest.fixture
async def stranger(address: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel that adds nothing by itself."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel


@pytest.fixture
async def peer(address: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel of one of our processes."""
    channel = open_channel(address, tokens=TOKENS, service="campaigns")
    yield channel
    await channel.close()


def identified(caller: Caller = CALLER, *, tokens: IdentityTokens = TOKENS) -> tuple[tuple[str, str], ...]:
    return ((METADATA_KEY, tokens.sign(caller)),)


async def refusal(call: Awaitable[object]) -> tuple[grpc.StatusCode, str, str]:
    """(status, reason, sentence) of a call that fails."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    raw = dict(refused.value.trailing_metadata() or ()).get(DETAILS_KEY, b"")
    status = status_pb2.Status.FromString(raw if isinstance(raw, bytes) else raw.encode())
    info = error_details_pb2.ErrorInfo()
    if status.details:
        status.details[0].Unpack(info)
    return refused.value.code(), info.reason, refused.value.details() or ""


@asynccontextmanager
async def _slow_to_greet(address: str, *, seconds: float, at: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """A way to the address whose other end says its first word so late, as a process does that gets no processor."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65536):
            writer.write(part)
        writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        there_reader, there_writer = await asyncio.open_connection(*address.split(":"))
        await asyncio.gather(copy(reader, there_writer), copy(there_reader, writer), return_exceptions=True)

    host, port = at.split(":")
    async with await asyncio.start_server(carry, host, int(port)) as server:
        yield f"{host}:{server.sockets[0].getsockname()[1]}"


async def test_who_brings_no_identity_is_refused(stranger: grpc.aio.Channel, service: Service) -> None:
    code, reason, _ = await refusal(DeliveryServiceStub(stranger).GetVapidKey(GetVapidKeyRequest()))

    assert (code, reason) == (grpc.StatusCode.UNAUTHENTICATED, "IDENTITY_INVALID")
    assert service.callers == []


async def test_an_identity_that_somebody_else_signed_is_refused(stranger: grpc.aio.Channel, service: Service) -> None:
    forged = identified(tokens=IdentityTokens(bytes(32)))

    code, _, _ = await refusal(DeliveryServiceStub(stranger).GetVapidKey(GetVapidKeyRequest(), metadata=forged))

    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert service.callers == []


async def test_the_service_knows_who_is_calling(stranger: grpc.aio.Channel, service: Service) -> None:
    await DeliveryServiceStub(stranger).GetVapidKey(GetVapidKeyRequest(), metadata=identified())

    assert service.callers == [CALLER]


async def test_internal_methods_are_for_our_own_processes(stranger: grpc.aio.Channel, service: Service) -> None:
    code, reason, _ = await refusal(ControlServiceStub(stranger).SetControl(SetControlRequest(), metadata=identified()))

    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "INTERNAL_METHOD")
    assert service.callers == []


async def test_a_process_calls_for_its_caller_and_internal_methods_as_itself(
    peer: grpc.aio.Channel, service: Service
) -> None:
    bind_caller(CALLER)

    await DeliveryServiceStub(peer).GetVapidKey(GetVapidKeyRequest())
    await ControlServiceStub(peer).SetControl(SetControlRequest())

    assert service.callers[0] == CALLER
    assert (service.callers[1].subject, service.callers[1].organization) == ("service:campaigns", b"")


async def test_what_is_not_the_methods_request_is_invalid(stranger: grpc.aio.Channel, service: Service) -> None:
    call = stranger.unary_unary("/carillon.delivery.v1.DeliveryService/GetVapidKey")

    code, reason, _ = await refusal(call(b"\xff\xff", metadata=identified()))

    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_UNDECODABLE")
    assert service.callers == []


async def test_a_refusal_leaves_with_its_reason(stranger: grpc.aio.Channel, service: Service) -> None:
    async def refuse(_: Any) -> None:
        raise Conflict("CAMPAIGN_NOT_PAUSABLE", "A campaign that is DRAFT cannot be paused.")

    service.do = refuse
    told = await refusal(DeliveryServiceStub(stranger).GetVapidKey(GetVapidKeyRequest(), metadata=identified()))

    assert told == (
        grpc.StatusCode.ABORTED,
        "CAMPAIGN_NOT_PAUSABLE",
        "A campaign that is DRAFT cannot be paused.",
    )


async def test_a_defect_leaves_as_a_sentence_of_ours(stranger: grpc.aio.Channel, service: Service) -> None:
    async def fail(_: Any) -> None:
        raise LookupError("postgresql://delivery:password@10.0.0.1/carillon")

    service.do = fail
    unary = await refusal(DeliveryServiceStub(stranger).GetVapidKey(GetVapidKeyRequest(), metadata=identified()))
    metadata = identified(Caller(organization=b"", subject="service:analytics"))
    stream = OutcomeFeedServiceStub(stranger).StreamOutcomes(StreamOutcomesRequest(), metadata=metadata)
    await stream.read()
    streamed = await refusal(stream.read())

    for code, _, sentence in (unary, streamed):
        assert (code, sentence) == (grpc.StatusCode.INTERNAL, "Something went wrong on our side.")


async def test_a_peer_that_is_down_is_unavailable_and_what_a_peer_refuses_is_passed_on(
    stranger: grpc.aio.Channel, peer: grpc.aio.Channel, service: Service
) -> None:
    nobody = open_channel(NOBODYS_ADDRESS, tokens=TOKENS, service="delivery")

    async def ask_nobody(_: Any) -> None:
        await DeliveryServiceStub(nobody).GetVapidKey(GetVapidKeyRequest())

    async def ask_somebody(_: Any) -> None:
        service.do = refuse
        await DeliveryServiceStub(peer).GetVapidKey(GetVapidKeyRequest())

    async def refuse(_: Any) -> None:
        raise Conflict("CAMPAIGN_CHANGED", "The campaign has changed since.")

    service.do = ask_nobody
    down = await refusal(DeliveryServiceStub(stranger).GetVapidKey(GetVapidKeyRequest(), metadata=identified()))
    service.do = ask_somebody
    refused = await refusal(DeliveryServiceStub(stranger).GetVapidKey(GetVapidKeyRequest(), metadata=identified()))
    await nobody.close()

    assert down[:2] == (grpc.StatusCode.UNAVAILABLE, "PEER_UNAVAILABLE")
    assert refused == (grpc.StatusCode.ABORTED, "CAMPAIGN_CHANGED", "The campaign has changed since.")


async def test_a_peer_that_is_slow_to_take_a_connection_is_waited_for(address: str) -> None:
    async with _slow_to_greet(address, seconds=0.6) as slow:
        channel = open_channel(slow, tokens=TOKENS, service="campaigns")
        answer = await ControlServiceStub(channel).SetControl(SetControlRequest(epoch=3))
        await channel.close()

    assert answer.epoch == 3


async def test_a_peer_that_comes_back_is_found_soon(address: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{probe.getsockname()[1]}"
    channel = open_channel(place, tokens=TOKENS, service="campaigns")
    control = ControlServiceStub(channel)
    for _ in range(5):  # the more often in vain, the later is the next attempt
        code, _, _ = await refusal(control.SetControl(SetControlRequest()))
        assert code is grpc.StatusCode.UNAVAILABLE
        await asyncio.sleep(0.3)

    async with _slow_to_greet(address, seconds=0.0, at=place), asyncio.timeout(10):
        while True:
            try:
                answer = await control.SetControl(SetControlRequest(epoch=3))
                break
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.1)
    await channel.close()

    assert answer.epoch == 3


async def test_a_call_without_a_deadline_gets_one_and_carries_its_requests_id(
    peer: grpc.aio.Channel, service: Service
) -> None:
    seen: list[tuple[float, str]] = []

    async def look(context: Any) -> None:
        seen.append((context.time_remaining(), structlog.contextvars.get_contextvars()["request_id"]))

    service.do = look
    with structlog.contextvars.bound_contextvars(request_id="req-1"):
        await DeliveryServiceStub(peer).GetVapidKey(GetVapidKeyRequest())

    ((remaining, request_id),) = seen
    assert 0 < remaining < UNARY_SECONDS + 1  # gRPC rounds it up
    assert request_id == "req-1"


async def test_health_can_be_asked_by_anybody(stranger: grpc.aio.Channel) -> None:
    answer = await health_pb2_grpc.HealthStub(stranger).Check(health_pb2.HealthCheckRequest())

    assert answer.status == health_pb2.HealthCheckResponse.SERVING
