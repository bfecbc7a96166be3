"""ReachBell's Campaigns API: one broadcast push to a segment.

Owns ReachBell's words for everything. Never keeps anything: what only ReachBell says is in `Campaign.vendor_fields`.
"""

from __future__ import annotations

from carillon.dialects.reachbell.v1 import campaigns_api_pb2

from gateway.api import Api, Credential
from gateway.dialects.reachbell.errors import render

REACHBELL = Api(
    name="reachbell",
    upstreams={"gateway": (campaigns_api_pb2.DESCRIPTOR.services_by_name["CampaignsService"],)},
    credentials=frozenset({Credential.API_KEY, Credential.TOKEN}),
    render=render,
    json_names_only=True,
    is_core=False,
)
