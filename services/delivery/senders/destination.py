"""Owns where a URL that somebody else chose may lead: which origins are allowed, and which of their addresses.

Never opens a connection and never follows a redirect; a name is judged by the addresses that are then connected to.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9_.-]{0,252}))(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>/[\x21\x22\x24-\x7e]*)?",
    re.IGNORECASE,
)
_MAX_URL = 2_048
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the address that is really reached


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port (RFC 6454); `host` has no brackets around an IPv6 address."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As in a Host header: the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Destinations:
    """The rule: https to public addresses, and whatever is listed in `allowed_private` ("host:port")."""

    allowed_private: frozenset[str]

    def read(self, url: str) -> tuple[Origin, str]:
        """The origin and the request target of `url`. Raises ValueError where the rule already forbids it."""
        found = _URL.fullmatch(url) if len(url) <= _MAX_URL else None
        if found is None:
            raise ValueError("not an absolute http or https URL")
        scheme = found["scheme"].lower()
        port = int(found["port"] or _DEFAULT_PORTS[scheme])
        origin = Origin(scheme, found["host"].lower().strip("[]"), port)
        if not 0 < port < 65_536:
            raise ValueError("no such port")
        if scheme == "http" and not self.is_private(origin):
            raise ValueError("only https leads out")
        return origin, found["target"] or "/"

    def is_private(self, origin: Origin) -> bool:
        """Whether the operator has listed this host and port, so that its addresses need not be public."""
        return f"{origin.host}:{origin.port}" in self.allowed_private

    def allows(self, origin: Origin, address: str) -> bool:
        """Whether this origin may be reached at this address, a name's look-up result."""
        return self.is_private(origin) or is_public(address)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public Internet; addresses that carry another are judged by that one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        carried = ip.ipv4_mapped or ip.sixtofour
        if carried is None and ip in _NAT64:
            carried = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if carried is not None:
            return is_public(str(carried))
    return ip.is_global and not ip.is_multicast
