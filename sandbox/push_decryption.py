"""Owns the browser's side of push encryption (RFC 8291, RFC 8188): from a stored body to what a person sees.

Never shares code with the sender, so that each proves the other.
"""

from __future__ import annotations

import json
import struct
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sandbox.subscriptions import Keys

_HEADER = struct.Struct(">16sIB")
_POINT = 65
_MIN_BODY = _HEADER.size + _POINT + 17


def is_well_formed(body: bytes) -> bool:
    """Whether the aes128gcm header is one of web push: a sane record size and an uncompressed point as key id."""
    if len(body) < _MIN_BODY:
        return False
    _, record_size, key_size = _HEADER.unpack_from(body)
    return record_size >= 18 and key_size == _POINT and body[_HEADER.size] == 4


def decrypt(body: bytes, keys: Keys) -> bytes:
    """The plaintext. Raises ValueError where the body was not made for these keys."""
    salt, record_size, key_size = _HEADER.unpack_from(body)
    sender = body[_HEADER.size : _HEADER.size + key_size]
    records = body[_HEADER.size + key_size :]
    if len(records) > record_size:
        raise ValueError("more than one record (RFC 8291 §4)")
    shared = keys.private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
    secret = _hkdf(keys.auth, b"WebPush: info\x00" + keys.public + sender, 32, shared)
    key = _hkdf(salt, b"Content-Encoding: aes128gcm\x00", 16, secret)
    nonce = _hkdf(salt, b"Content-Encoding: nonce\x00", 12, secret)
    try:
        padded = AESGCM(key).decrypt(nonce, records, None).rstrip(b"\x00")
    except InvalidTag:
        raise ValueError("not encrypted for this subscription") from None
    if not padded.endswith(b"\x02"):
        raise ValueError("no delimiter of a last record (RFC 8188 §2)")
    return padded[:-1]


def notification(body: bytes, keys: Keys) -> dict[str, Any]:
    """The JSON object that the service worker gets; empty where there is none to be had."""
    try:
        value = json.loads(decrypt(body, keys))
    except (ValueError, RecursionError, struct.error):
        return {}
    return value if isinstance(value, dict) else {}


def _hkdf(salt: bytes, info: bytes, length: int, key: bytes) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(key)
