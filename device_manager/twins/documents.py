"""Contents of twins and history entries, and how a change marks them (device-manager 1.4, 1.7, 1.9).

Sources are what the wire shows, so they stay plain dicts. Every function returns a new one.
"""

from __future__ import annotations

from typing import Any

from device_manager.storage.contract import Document
from device_manager.storage.sources import leaf_paths as leaf_paths
from device_manager.storage.stamps import Source as Source
from device_manager.storage.stamps import Stamp as Stamp
from device_manager.storage.stamps import changed as changed
from device_manager.storage.stamps import changed_at as changed_at
from device_manager.storage.stamps import created as created
from device_manager.storage.stamps import stamp_now as stamp_now


def twin_result(document: Document) -> Source:
    """A twin as actions answer it: `{_id, _source}`."""
    return {"_id": document.id, "_source": document.source}


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


def groups_event(*, before: list[str], after: list[str]) -> Source:
    """The event of a history entry for groups: the paths that the asset came into, and those that it left."""
    added = [path for path in after if path not in before]
    removed = [path for path in before if path not in after]
    return {"name": "groups", "groups": {"added": added, "removed": removed}}


def deletion_event() -> Source:
    """The event of an asset's last history entry; from its time on there is no such asset."""
    return {"name": "delete"}


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
    initial = asset_metadata(mappings, defaults, {})
    return {key: value if (value := given.get(key)) is not None else initial[key] for key in mappings}
