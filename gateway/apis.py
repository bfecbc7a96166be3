"""Owns the list of APIs that Envoy offers: the native one and the dialects, in the order of their ports.

What strangers may call is an API too, on a listener of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.api import Api
from gateway.dialects.reachbell import REACHBELL
from gateway.native import NATIVE
from gateway.public import PUBLIC

APIS: tuple[Api, ...] = (NATIVE, REACHBELL)
BY_NAME: Mapping[str, Api] = {api.name: api for api in (*APIS, PUBLIC)}
