"""Ids of TEOS: a number that is unique in a network, and that of the ledger (facades 1.3)."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid

LEDGER_BITS = 16
MOST = 1 << 96
HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,40})", re.ASCII)
NAMESPACE = uuid.UUID("6f0c4f56-6a0e-4b5a-9a53-52a8a1f7b5c1")
"""Of the GUIDs that stand for users."""


def number_of(text: str) -> int | None:
    """An asset's id as a number: case, `0x` and leading zeros do not matter; None for what is no id."""
    match = HEX.fullmatch(text.strip())
    if match is None:
        return None
    number = int(match[1], 16)
    return number if 0 < number < MOST else None


def text_of(number: int) -> str:
    """The id as it is shown."""
    return f"0x{number:X}"


def ledger_of(number: int) -> int:
    """The ledger that an asset belongs to."""
    return number & ((1 << LEDGER_BITS) - 1)


def new_number(ledger: int) -> int:
    """The id of a new asset of a ledger."""
    return (secrets.randbits(79) | 1 << 79) << LEDGER_BITS | ledger


def derived_number(engine: str, asset_id: str, ledger: int) -> int:
    """The id of an asset that clients of other interfaces made."""
    digest = hashlib.sha256(f"{engine}/assets/{asset_id}".encode()).digest()
    return int.from_bytes(digest[:10]) << LEDGER_BITS | ledger


def guid_of(text: str) -> str | None:
    """A GUID in the form in which it is shown, None for what is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def user_guid(kuid: str) -> str:
    """The GUID that stands for a user."""
    return str(uuid.uuid5(NAMESPACE, kuid))
