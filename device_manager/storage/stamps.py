"""Who made and changed a document, and when: its `_kuzzle_info` (router-protocol 5.6, device-manager 1.4).

Sources are what the wire shows, so they stay plain dicts. Every function returns a new one.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

Source = dict[str, Any]
INFO = "_kuzzle_info"


class Stamp(NamedTuple):
    """Who changes something, and when: milliseconds since 1970."""

    user_id: str | None
    now: int


def stamp_now(user_id: str | None) -> Stamp:
    """A stamp of this moment."""
    return Stamp(user_id, time.time_ns() // 1_000_000)


def created(source: Source, stamp: Stamp) -> Source:
    """`source` as a new document's content."""
    info = {"author": stamp.user_id, "createdAt": stamp.now, "updatedAt": None, "updater": None}
    return source | {INFO: info}


def changed(source: Source, stamp: Stamp) -> Source:
    """`source` as the content of a document that `stamp` changed.

    The time of change always grows, also within one millisecond and between servers whose clocks differ, so that the
    history entries of an asset have one order.
    """
    info = source.get(INFO) or {}
    return source | {INFO: info | {"updatedAt": max(stamp.now, changed_at(source) + 1), "updater": stamp.user_id}}


def changed_at(source: Source) -> int:
    """When the document was created or last changed, in milliseconds since 1970."""
    info = source.get(INFO) or {}
    return max(_millis(info.get("createdAt")), _millis(info.get("updatedAt")))


def _millis(value: Any) -> int:
    return value if type(value) is int else 0
