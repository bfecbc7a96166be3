"""Owns the encryption of one push message: the keys of RFC 8291 over the aes128gcm coding of RFC 8188, one record.

Never sends anything and never keeps a key: the ephemeral key and the salt are fresh for every message.
"""

from __future__ import annotations

import hmac
import os
import struct

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAX_BODY = 4096  # RFC 8030 §7.2: no push service has to take more
_RECORD_SIZE = 4096
_POINT = 65  # an uncompressed P-256 point
_AUTH = 16
_HEADER = 16 + 4 + 1 + _POINT
_PADDING_AND_TAG = 1 + 16
MAX_PLAINTEXT = MAX_BODY - _HEADER - _PADDING_AND_TAG

_CURVE = ec.SECP256R1()
_ECDH = ec.ECDH()


def encrypt(payload: bytes, *, p256dh: bytes, auth: bytes) -> bytes:
    """The body of the push request (RFC 8291 §4); releases the GIL for nearly all of its time.

    Raises ValueError for a receiver's key or secret that is none, and for a payload over MAX_PLAINTEXT bytes.
    """
    ephemeral = ec.generate_private_key(_CURVE)
    return _encrypt_with(payload, p256dh=p256dh, auth=auth, ephemeral=ephemeral, salt=os.urandom(16))


def _encrypt_with(
    payload: bytes, *, p256dh: bytes, auth: bytes, ephemeral: ec.EllipticCurvePrivateKey, salt: bytes
) -> bytes:
    if len(payload) > MAX_PLAINTEXT:
        raise ValueError("payload too large for one push message")
    if len(p256dh) != _POINT or len(auth) != _AUTH:
        raise ValueError("not the keys of a push subscription")
    receiver = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, p256dh)
    own = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = ephemeral.exchange(_ECDH, receiver)
    return _seal(payload, ikm=_input_key(shared, auth=auth, receiver=p256dh, sender=own), salt=salt, key_id=own)


def _input_key(shared: bytes, *, auth: bytes, receiver: bytes, sender: bytes) -> bytes:
    """RFC 8291 §3.3 and §3.4: HKDF with the authentication secret as salt, both public keys as context."""
    return _sha256(_sha256(auth, shared), b"WebPush: info\x00" + receiver + sender + b"\x01")


def _seal(plaintext: bytes, *, ikm: bytes, salt: bytes, key_id: bytes) -> bytes:
    """RFC 8188 §2: header and the one, last record (hence the delimiter 2 and the untouched nonce)."""
    prk = _sha256(salt, ikm)
    key = _sha256(prk, b"Content-Encoding: aes128gcm\x00\x01")[:16]
    nonce = _sha256(prk, b"Content-Encoding: nonce\x00\x01")[:12]
    header = salt + struct.pack(">IB", _RECORD_SIZE, len(key_id)) + key_id
    return header + AESGCM(key).encrypt(nonce, plaintext + b"\x02", None)


def _sha256(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
