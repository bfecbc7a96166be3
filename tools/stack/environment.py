"""Owns the environment of every process: which settings it gets, under which names.

Never says what a setting means: `.env.example` does. A name that is set by hand reaches every process unchanged
unless it is given here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from tools.stack.layout import DESCRIPTORS, Layout
from tools.stack.ports import DIALECTS, Ports
from tools.stack.postgres import DATABASE
from tools.stack.secrets import ROLES, Secrets

Environment = Mapping[str, str]

_PEERS = ("campaigns", "segments", "delivery", "analytics", "gateway")
_ROLE_OF = {"gateway": "accounts"}  # every other service's role has the service's name


def admin_url(ports: Ports, secrets: Secrets, scheme: str = "postgresql") -> str:
    """The superuser's address of the database."""
    return f"{scheme}://postgres:{secrets.postgres_password}@{ports.address('postgres')}/{DATABASE}"


def service(name: str, *, ports: Ports, secrets: Secrets, http: str) -> dict[str, str]:
    """What every service gets; `http` names the port of its health and metrics pages."""
    role = _ROLE_OF.get(name, name)
    password = secrets.role_passwords[role]
    return _peers(ports) | {
        "CARILLON_LISTEN": ports.address(name),
        "CARILLON_HTTP_LISTEN": ports.address(http),
        "CARILLON_DATABASE_URL": f"postgresql+asyncpg://{role}:{password}@{ports.address('postgres')}/{DATABASE}",
        "CARILLON_KAFKA": ports.address("kafka"),
        "CARILLON_IDENTITY_SECRET": secrets.identity_secret,
        "CARILLON_PUBLIC_URL": f"http://{ports.address('public')}",
        "CARILLON_LOG_LEVEL": os.environ.get("CARILLON_LOG_LEVEL", "info"),
    }


def gateway(secrets: Secrets) -> Environment:
    return {"CARILLON_TOKEN_KEY": secrets.token_key, "CARILLON_OPERATOR_KEY": secrets.operator_key}


def segments(ports: Ports) -> Environment:
    return {"CARILLON_ALLOWED_PRIVATE_HOSTS": ports.address("sandbox")}


def delivery(layout: Layout, *, ports: Ports, secrets: Secrets) -> Environment:
    return {
        "CARILLON_ALLOWED_PRIVATE_HOSTS": f"{ports.address('sandbox')},{ports.address('smtp')}",
        "CARILLON_ENCRYPTION_KEY": secrets.encryption_key,
        "CARILLON_STATE_DIR": str(layout.delivery),
    }


def sandbox(layout: Layout, *, ports: Ports) -> Environment:
    return {
        "CARILLON_SANDBOX_LISTEN": ports.address("sandbox"),
        "CARILLON_SANDBOX_SMTP_LISTEN": ports.address("smtp"),
        "CARILLON_SANDBOX_DATA": str(layout.sandbox),
    }


def migration(*, ports: Ports, secrets: Secrets) -> Environment:
    """What `python -m tools.migrate` gets."""
    passwords = {f"CARILLON_{role.upper()}_PASSWORD": secrets.role_passwords[role] for role in ROLES}
    return {"CARILLON_ADMIN_DATABASE_URL": admin_url(ports, secrets, "postgresql+asyncpg"), **passwords}


def envoy_configuration(ports: Ports) -> Environment:
    """What `python -m gateway.envoy` gets."""
    entrances = {f"CARILLON_{name.upper()}_PORT": str(ports[name]) for name in ("native", *DIALECTS, "public")}
    return {
        **_peers(ports),
        **entrances,
        "CARILLON_ENVOY_ADMIN": ports.address("envoy_admin"),
        "CARILLON_DESCRIPTORS": str(DESCRIPTORS),
    }


def _peers(ports: Ports) -> dict[str, str]:
    return {f"CARILLON_{peer.upper()}": ports.address(peer) for peer in _PEERS}
