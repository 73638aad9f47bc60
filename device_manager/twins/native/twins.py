"""Native writes to the twins of an engine, each with what belongs to it (design 6). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Key, Transaction
from device_manager.twins.asset_steps import asset_deletion_keys, asset_keys, create_asset, delete_asset
from device_manager.twins.call import Call
from device_manager.twins.device_steps import (
    attach_device,
    create_device,
    delete_device,
    detach_device,
    device_keys,
    removal_keys,
)
from device_manager.twins.documents import (
    Source,
    Stamp,
    changed_at,
    history_entry,
    metadata_event,
    new_provisioning,
)
from device_manager.twins.links import asset_links, device_links
from device_manager.twins.native.records import check_unchanged, native_id
from device_manager.twins.patches import CHANGEABLE, difference, patched_paths
from device_manager.twins.places import Places, asset_key, device_key
from device_manager.twins.workspace import Workspace

LINKS = "linkedMeasures"
LINKING = "linking and unlinking"
MEMBERSHIPS = "groups"
GROUPING = "coming into and leaving groups by device-manager/groups"


class _TwinWriter:
    """What the writers of assets and devices share.

    Args:
        places: where documents live.
        engine: the engine of the twins.
        call: the caller.
    """

    def __init__(self, places: Places, engine: str, call: Call) -> None:
        self._places = places
        self._engine = engine
        self._call = call

    def _load(self, tx: Transaction, keys: Sequence[Key]) -> Workspace:
        work = Workspace(tx, self._places, self._call)
        work.load(keys)
        return work


class AssetWriter(_TwinWriter):
    """Writes assets: their metadata with history, their deletion with their links."""

    def related(self, keys: Sequence[Key]) -> Sequence[Key]:
        """See `documents.writers.Writer`."""
        return [related for key in keys for related in asset_keys(self._engine, key.id)]

    def partners(self, stored: Mapping[Key, Document]) -> Sequence[Key]:
        """See `documents.writers.Writer`."""
        engine = self._engine
        assets = [asset for key, asset in stored.items() if key == asset_key(engine, key.id)]
        return [device_key(engine, device_id) for asset in assets for device_id in asset_links(asset.source)]

    def create(
        self, tx: Transaction, index: str, collection: str, source: Source, id: str | None, stamp: Stamp
    ) -> Document:
        """See `documents.writers.Writer`."""
        id = native_id(id, source)
        check_unchanged(id, LINKS, None, source.get(LINKS), LINKING)
        check_unchanged(id, MEMBERSHIPS, None, source.get(MEMBERSHIPS), GROUPING)
        _check_metadata(source)
        return create_asset(self._work(tx, id), self._engine, id, source)

    def replace(self, tx: Transaction, key: Key, before: Document, source: Source, stamp: Stamp) -> Document:
        """See `documents.writers.Writer`. The history tells of changed metadata."""
        check_unchanged(key.id, LINKS, before.source.get(LINKS), source.get(LINKS), LINKING)
        check_unchanged(key.id, MEMBERSHIPS, before.source.get(MEMBERSHIPS), source.get(MEMBERSHIPS), GROUPING)
        _check_metadata(source)
        source = _later(source, before.source)
        patch = difference(before.source.get(CHANGEABLE) or {}, source.get(CHANGEABLE) or {})
        work = self._work(tx, key.id)
        event = metadata_event(list(patched_paths(patch)))
        work.write(self._engine, [(key, source)], [history_entry(key.id, source, event)] if patch else [])
        return tx.read((key,))[key]

    def delete(self, tx: Transaction, key: Key, before: Document, stamp: Stamp) -> None:
        """See `documents.writers.Writer`. The asset is unlinked first; its history ends with its deletion."""
        work = self._work(tx, key.id)
        work.load(asset_deletion_keys(work, self._engine, key.id))
        delete_asset(work, self._engine, key.id, stamp)

    def _work(self, tx: Transaction, id: str) -> Workspace:
        return self._load(tx, asset_keys(self._engine, id))


class DeviceWriter(_TwinWriter):
    """Writes devices in their engine: a new one is provisioned and attached, a deleted one detached."""

    def related(self, keys: Sequence[Key]) -> Sequence[Key]:
        """See `documents.writers.Writer`."""
        return [related for key in keys for related in device_keys(self._places, self._engine, key.id)]

    def partners(self, stored: Mapping[Key, Document]) -> Sequence[Key]:
        """See `documents.writers.Writer`."""
        engine = self._engine
        devices = [device for key, device in stored.items() if key == device_key(engine, key.id)]
        return [asset_key(engine, asset_id) for device in devices for asset_id in device_links(device.source)]

    def create(
        self, tx: Transaction, index: str, collection: str, source: Source, id: str | None, stamp: Stamp
    ) -> Document:
        """See `documents.writers.Writer`. A device that the platform knows is attached, another one provisioned too."""
        id = native_id(id, source)
        check_unchanged(id, LINKS, None, source.get(LINKS), LINKING)
        check_unchanged(id, MEMBERSHIPS, None, source.get(MEMBERSHIPS), GROUPING)
        check_unchanged(id, "engineId", self._engine, source.get("engineId") or self._engine, "attaching")
        _check_metadata(source)
        source = source | {"engineId": self._engine}
        work = self._work(tx, id)
        if self._places.provisioning(id) in work.documents:
            return attach_device(work, self._engine, id, source, stamp)
        for name in ("model", "reference"):
            if not isinstance(source.get(name), str):
                raise api_error("api.assert.missing_argument", f"body.{name}")
        slots = source.get("measureSlots") or []
        record = new_provisioning(source["model"], source["reference"], slots, self._engine, stamp)
        return create_device(work, self._engine, id, record, source)

    def replace(self, tx: Transaction, key: Key, before: Document, source: Source, stamp: Stamp) -> Document:
        """See `documents.writers.Writer`."""
        stored = before.source
        check_unchanged(key.id, LINKS, stored.get(LINKS), source.get(LINKS), LINKING)
        check_unchanged(key.id, MEMBERSHIPS, stored.get(MEMBERSHIPS), source.get(MEMBERSHIPS), GROUPING)
        check_unchanged(key.id, "engineId", stored.get("engineId"), source.get("engineId"), "attaching and detaching")
        _check_metadata(source)
        return tx.replace(key, _later(source, stored))

    def delete(self, tx: Transaction, key: Key, before: Document, stamp: Stamp) -> None:
        """See `documents.writers.Writer`. The device is unlinked first; the platform keeps its record."""
        engine = self._engine
        work = self._work(tx, key.id)
        work.load(removal_keys(work, engine, key.id))
        record = work.documents.get(self._places.provisioning(key.id))
        if record is None or record.source.get("engineId") not in (None, engine):
            delete_device(work, engine, key.id, stamp)
        else:
            detach_device(work, engine, key.id, stamp)

    def _work(self, tx: Transaction, id: str) -> Workspace:
        return self._load(tx, device_keys(self._places, self._engine, id))


def _check_metadata(source: Source) -> None:
    if not isinstance(source.get(CHANGEABLE) or {}, dict):
        raise api_error("api.assert.invalid_type", f"body.{CHANGEABLE}", "object")


def _later(source: Source, before: Source) -> Source:
    """`source` with a time of change after that of `before`, so that the history has one order."""
    info = source.get("_kuzzle_info") or {}
    if changed_at(source) > changed_at(before):
        return source
    return source | {"_kuzzle_info": info | {"updatedAt": changed_at(before) + 1}}
