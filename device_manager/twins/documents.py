"""Contents of twins and history entries, and how a change marks them (device-manager 1.4, 1.7, 1.9).

Sources are what the wire shows, so they stay plain dicts. Every function returns a new one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from device_manager.storage.contract import Document

Source = dict[str, Any]


class Stamp(NamedTuple):
    """Who changes something, and when: milliseconds since 1970."""

    user_id: str | None
    now: int


def stamp_now(user_id: str | None) -> Stamp:
    """A stamp of this moment."""
    return Stamp(user_id, time.time_ns() // 1_000_000)


def twin_result(document: Document) -> Source:
    """A twin as actions answer it: `{_id, _source}`."""
    return {"_id": document.id, "_source": document.source}


def created(source: Source, stamp: Stamp) -> Source:
    """`source` as a new document's content."""
    info = {"author": stamp.user_id, "createdAt": stamp.now, "updatedAt": None, "updater": None}
    return source | {"_kuzzle_info": info}


def changed(source: Source, stamp: Stamp) -> Source:
    """`source` as the content of a document that `stamp` changed.

    The time of change always grows, also within one millisecond and between servers whose clocks differ, so that the
    history entries of an asset have one order.
    """
    info = source.get("_kuzzle_info") or {}
    last = max(_millis(info.get("createdAt")), _millis(info.get("updatedAt")))
    return source | {"_kuzzle_info": info | {"updatedAt": max(stamp.now, last + 1), "updater": stamp.user_id}}


def changed_at(source: Source) -> int:
    """When the document was created or last changed, in milliseconds since 1970."""
    info = source.get("_kuzzle_info") or {}
    return max(_millis(info.get("createdAt")), _millis(info.get("updatedAt")))


def _millis(value: Any) -> int:
    return value if type(value) is int else 0


def new_provisioning(model: str, reference: str, slots: list[Source], engine: str | None, stamp: Stamp) -> Source:
    """The platform's record of a device (device-manager 1.4)."""
    source = {
        "model": model,
        "reference": reference,
        "engineId": engine,
        "measureSlots": slots,
        "provisionedAt": stamp.now,
        "lastMeasuredAt": None,
        "lastMeasures": [],
    }
    return created(source, stamp)


def new_device(
    model: str, reference: str, slots: list[Source], metadata: Source, engine: str | None, stamp: Stamp
) -> Source:
    """A device as its engine holds it (device-manager 1.7)."""
    source = {
        "model": model,
        "reference": reference,
        "engineId": engine,
        "metadata": metadata,
        "measureSlots": slots,
        "linkedMeasures": [],
        "groups": [],
    }
    return created(source, stamp)


def new_asset(
    model: str, reference: str, slots: list[Source], metadata: Source, locales: Source, stamp: Stamp
) -> Source:
    """An asset (device-manager 1.7)."""
    source = {
        "model": model,
        "reference": reference,
        "modelLocales": locales,
        "metadata": metadata,
        "measureSlots": slots,
        "linkedMeasures": [],
        "groups": [],
    }
    return created(source, stamp)


def link_event(name: str, device_id: str) -> Source:
    """The event of a history entry for a link or unlink: `name` is `link` or `unlink`."""
    return {"name": name, name: {"deviceId": device_id}}


def metadata_event(names: list[str]) -> Source:
    """The event of a history entry for metadata: dotted leaf paths."""
    return {"name": "metadata", "metadata": {"names": names}}


def history_entry(asset_id: str, asset: Source, event: Source) -> Source:
    """A history entry with the asset as it is after `event`; its time is that of the asset's change."""
    timestamp = changed_at(asset)
    entry = {"id": asset_id, "timestamp": timestamp, "event": event, "asset": asset}
    return created(entry, Stamp(None, timestamp))


def asset_metadata(mappings: Source, defaults: Source, given: Source) -> Source:
    """Metadata of a new asset: every key of the model null, then the defaults, then what the caller gave (1.9)."""
    metadata: Source = dict.fromkeys(mappings)
    for path, value in defaults.items():
        metadata = _with_path(metadata, path.split("."), value)
    return metadata | given


def _with_path(target: Any, path: list[str], value: Any) -> Source:
    members: Source = target if isinstance(target, dict) else {}
    head, *rest = path
    return members | {head: _with_path(members.get(head), rest, value) if rest else value}


def device_metadata(mappings: Source, defaults: Source, given: Source) -> Source:
    """Metadata of a device that gets attached: the caller's value, else the default, else null; no other keys (1.9)."""
    return {key: value if (value := given.get(key)) is not None else defaults.get(key) for key in mappings}


def leaf_paths(value: Source, above: str = "") -> Iterator[str]:
    """Dotted paths of the leaves: only plain objects are walked into, empty ones vanish (1.7)."""
    for key, member in value.items():
        if isinstance(member, dict):
            yield from leaf_paths(member, f"{above}{key}.")
        else:
            yield f"{above}{key}"
