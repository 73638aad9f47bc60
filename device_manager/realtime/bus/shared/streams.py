"""How items of Redis streams are read."""

from __future__ import annotations


def number_of(id: bytes) -> int:
    """The number of an entry from its id in the log."""
    return int(id.rpartition(b"-")[2])


def members_of(fields: list[bytes]) -> dict[bytes, bytes]:
    """What an item holds, by name."""
    return dict(zip(fields[::2], fields[1::2], strict=True))
