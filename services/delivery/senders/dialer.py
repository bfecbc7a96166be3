"""Owns opening a connection: name, address check, TCP, TLS, and the reason where that fails.

Never sends a request. The address that was checked is the one connected to, so a name that changes its mind
between the two (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from services.delivery.senders.destination import Destinations, Origin

ENCRYPTED = ("https", "smtps")  # schemes that begin with TLS
_MAX_ADDRESSES = 3  # of one name that are tried, in the resolver's order
_OTHER_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH

P = TypeVar("P", bound=asyncio.Protocol)


class DialError(Exception):
    """Raised when no connection came about; `final` where trying again would be wrong."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


class Dialer:
    """Opens connections within the destinations' rule."""

    def __init__(self, destinations: Destinations, *, timeout: float, tls: ssl.SSLContext | None = None) -> None:
        """`timeout` is for each address, in seconds; `tls` replaces the machine's trust store."""
        self._destinations = destinations
        self._timeout = timeout
        self._tls = tls

    async def open(self, origin: Origin, protocol: Callable[[], P]) -> P:
        """A connected protocol. Raises DialError, nothing else."""
        failure = DialError("NAME_NOT_RESOLVED")
        for address in await self._checked_addresses(origin):
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._connect(origin, address, protocol)
            except (OSError, TimeoutError) as problem:
                failure = DialError(reason_of(problem))
        raise failure

    async def _checked_addresses(self, origin: Origin) -> list[str]:
        addresses = await self._resolve(origin)
        if not all(self._destinations.allows(origin, address) for address in addresses):
            raise DialError("ADDRESS_NOT_PUBLIC", final=True)
        return addresses[:_MAX_ADDRESSES]

    async def _resolve(self, origin: Origin) -> list[str]:
        try:
            async with asyncio.timeout(self._timeout):
                found = await asyncio.get_running_loop().getaddrinfo(
                    origin.host, origin.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
                )
        except (OSError, TimeoutError, UnicodeError):
            raise DialError("NAME_NOT_RESOLVED") from None
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def _connect(self, origin: Origin, address: str, protocol: Callable[[], P]) -> P:
        encrypted = origin.scheme in ENCRYPTED
        _, connected = await asyncio.get_running_loop().create_connection(
            protocol,
            address,
            origin.port,
            ssl=(self._tls or _machine_trust()) if encrypted else None,
            server_hostname=origin.host if encrypted else None,
        )
        return connected


@functools.cache  # reading the trust store takes 30 ms
def _machine_trust() -> ssl.SSLContext:
    trust = ssl.create_default_context()
    trust.set_alpn_protocols(["http/1.1"])
    return trust


def reason_of(problem: BaseException) -> str:
    """UPPER_SNAKE for what a connection failed of."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return "TLS_CERTIFICATE_MISMATCH" if problem.verify_code in _OTHER_NAME else "TLS_CERTIFICATE_UNTRUSTED"
    if isinstance(problem, ssl.SSLError):
        return "TLS_FAILED"
    if isinstance(problem, TimeoutError):
        return "CONNECTION_TIMEOUT"
    if isinstance(problem, ConnectionRefusedError):
        return "CONNECTION_REFUSED"
    return "CONNECTION_FAILED"
