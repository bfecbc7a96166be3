"""Owns PublicService: what browsers call, with nothing but what a message or a page carries.

Never tells a stranger whether a link was good. Whoever reports is nobody's caller: there is no identity here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from carillon.delivery.v1 import public_service_pb2 as api
from carillon.delivery.v1.public_service_pb2_grpc import PublicServiceServicer
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from services import http_answers
from services.delivery import unsubscribe_page
from services.delivery.domain.links import Links
from services.delivery.domain.receipts import read_receipt
from services.delivery.receipts import Receipts
from services.delivery.unsubscribing import Unsubscribing, require_one_click
from services.delivery.vapid_keys import VapidKeys
from services.project_tenants import ProjectTenants
from services.runtime.clock import Clock

WORKER = Path(__file__).with_name("service_worker.js")
WORKER_TYPE = "application/javascript; charset=utf-8"
WORKER_HEADERS = {
    "service_worker_allowed": "/",  # a page may register it for its whole origin
    "cache_control": "public, max-age=3600",
    "x_content_type_options": "nosniff",
}
Context = Any


class PublicApi(PublicServiceServicer):
    """carillon.delivery.v1.PublicService."""

    def __init__(
        self,
        *,
        links: Links,
        unsubscribe_links: Links,
        receipts: Receipts,
        unsubscribing: Unsubscribing,
        keys: VapidKeys,
        projects: ProjectTenants,
        clock: Clock,
    ) -> None:
        self._links = links
        self._unsubscribe_links = unsubscribe_links
        self._unsubscribing = unsubscribing
        self._receipts = receipts
        self._keys = keys
        self._projects = projects
        self._clock = clock
        self._worker = HttpBody(content_type=WORKER_TYPE, data=WORKER.read_bytes())

    async def ReportReceipt(self, request: api.ReportReceiptRequest, context: Context) -> Empty:
        """Count it, if it is one."""
        place = self._links.read(request.token)
        receipt = read_receipt(place, event=request.event, action=request.action, now=self._clock.now())
        if receipt is not None:
            await self._receipts.take(receipt)
        await http_answers.no_content(context)
        return Empty()

    async def Unsubscribe(self, request: api.UnsubscribeRequest, context: Context) -> HttpBody:
        """Suppress whom the message went to."""
        require_one_click(request.form.content_type, request.form.data)
        place = self._unsubscribe_links.read(request.token)
        if place is not None:
            await self._unsubscribing.take(place)
        await http_answers.with_headers(context, **unsubscribe_page.HEADERS)
        return unsubscribe_page.done()

    async def ShowUnsubscribe(self, request: api.ShowUnsubscribeRequest, context: Context) -> HttpBody:
        """The page with the button, whatever the link."""
        await http_answers.with_headers(context, **unsubscribe_page.HEADERS)
        return unsubscribe_page.question()

    async def GetServiceWorker(self, request: api.GetServiceWorkerRequest, context: Context) -> HttpBody:
        """The script."""
        await http_answers.with_headers(context, **WORKER_HEADERS)
        return self._worker

    async def GetPublicKey(self, request: api.GetPublicKeyRequest, context: Context) -> api.GetPublicKeyResponse:
        """The project's VAPID key."""
        tenant, project = await self._projects.find(request.project)
        return api.GetPublicKeyResponse(public_key=await self._keys.public_key(tenant=tenant, project=project))
