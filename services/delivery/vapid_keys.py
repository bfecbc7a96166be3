"""Owns the projects' VAPID keys (RFC 8292): made at the first asking, sealed at rest with AES-256-GCM.

Never shows a private key to anybody but the sender.
"""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.delivery.sealing import Seal
from services.runtime.database import Database, Transaction


class VapidKeys:
    """Public and private keys by project."""

    def __init__(self, *, database: Database, encryption_key: bytes) -> None:
        self._database = database
        self._seal = Seal(encryption_key)

    async def public_key(self, *, tenant: bytes, project: bytes) -> str:
        """The uncompressed point in base64url, as browsers take it."""
        point, _ = await self._row(tenant, project)
        return base64.urlsafe_b64encode(point).rstrip(b"=").decode()

    async def private_key(self, *, tenant: bytes, project: bytes) -> ec.EllipticCurvePrivateKey:
        """The key itself. Raises cryptography's InvalidTag where it was sealed with another encryption key."""
        _, sealed = await self._row(tenant, project)
        scalar = self._seal.open(sealed, owner=tenant + project)
        return ec.derive_private_key(int.from_bytes(scalar), ec.SECP256R1())

    async def _row(self, tenant: bytes, project: bytes) -> tuple[bytes, bytes]:
        async def read(tx: Transaction) -> tuple[bytes, bytes] | None:
            row = await tx.raw.fetchrow(
                "SELECT public_key, sealed_private_key FROM vapid_key WHERE tenant = $1 AND project = $2",
                tenant,
                project,
            )
            return None if row is None else (row["public_key"], row["sealed_private_key"])

        return await self._database.read(read) or await self._make(tenant, project)

    async def _make(self, tenant: bytes, project: bytes) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        scalar = key.private_numbers().private_value.to_bytes(32)
        sealed = self._seal.close(scalar, owner=tenant + project)
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

        async def store(tx: Transaction) -> tuple[bytes, bytes]:
            await tx.raw.execute(
                "INSERT INTO vapid_key (tenant, project, public_key, sealed_private_key) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT DO NOTHING",
                tenant,
                project,
                point,
                sealed,
            )
            row = await tx.raw.fetchrow(
                "SELECT public_key, sealed_private_key FROM vapid_key WHERE tenant = $1 AND project = $2",
                tenant,
                project,
            )
            return row["public_key"], row["sealed_private_key"]

        return await self._database.transaction(store)
