"""Document ids: generated ones that sort by time (router-protocol 6.2), and ones that follow from content."""

from __future__ import annotations

import base64
import hashlib
import os
import time

_ORDERED = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz",
)
ADJECTIVES = ("brave", "calm", "eager", "gentle", "keen", "lively", "mellow", "quick", "steady", "sunny", "wise")
NAMES = ("badger", "crane", "falcon", "heron", "lynx", "marten", "otter", "plover", "raven", "stoat", "tern", "wren")
"""Words of generated names that people tell apart."""
_RANDOM_BITS = 48
_last = [0, 0]


def new_id() -> str:
    """A new id: 48 bits of milliseconds, 24 bits that count within one, 48 random bits."""
    now = time.time_ns() // 1_000_000
    if now <= _last[0]:
        _last[1] += 1
    else:
        _last[:] = now, 0
    number = (_last[0] << 24 | _last[1] & 0xFFFFFF) << _RANDOM_BITS | int.from_bytes(os.urandom(6))
    return base64.urlsafe_b64encode(number.to_bytes(15)).translate(_ORDERED).decode()


def digest(*parts: str) -> bytes:
    """32 bytes that follow from `parts`, others for every other list of parts."""
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()


def derived_id(*parts: str) -> str:
    """The id that follows from `parts`: 43 url-safe characters."""
    return base64.urlsafe_b64encode(digest(*parts)).decode().rstrip("=")
