"""What creating, changing and deleting an asset does to documents and history (device-manager 2.2). Pure.

Each function is one step of a transaction: it changes the workspace as a whole, or raises and leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from device_manager.errors import ApiError
from device_manager.storage.contract import Document, Key
from device_manager.twins.documents import (
    Source,
    Stamp,
    changed,
    changed_at,
    deletion_event,
    history_entry,
    leaf_paths,
    link_event,
    metadata_event,
    new_asset,
)
from device_manager.twins.documents import asset_metadata as filled_metadata
from device_manager.twins.links import asset_links, with_asset_link
from device_manager.twins.listeners import NO_PATCHES, Patches
from device_manager.twins.metadata import MetadataChange
from device_manager.twins.model_following import concerns_twins, followed
from device_manager.twins.models import Model
from device_manager.twins.places import asset_key, deletion_key, device_key
from device_manager.twins.relinking import LinkOutcome, settled, unlink
from device_manager.twins.workspace import View, Workspace


class AssetDeletion(NamedTuple):
    """A deleted asset, as it was in the end, and the links that went with it."""

    asset: Document
    unlinked: list[LinkOutcome]


def asset_keys(engine: str, asset_id: str) -> list[Key]:
    """What has to be loaded before an asset is created; to change or delete one, the first of them is enough."""
    return [asset_key(engine, asset_id), deletion_key(engine, asset_id)]


def plan_asset(model: Model, reference: str, given: Source, stamp: Stamp) -> Source:
    """The content of a new asset of `model`, before pipes."""
    metadata = filled_metadata(model.metadata_mappings, model.default_metadata, given)
    return new_asset(model.name, reference, model.measures, metadata, model.content.get("locales") or {}, stamp)


def create_asset(work: Workspace, engine: str, asset_id: str, source: Source, model: Model | None = None) -> Document:
    """Add an asset with its first history entry; `asset_keys` are loaded, and `model` is.

    Args:
        work: the documents.
        engine: where it is going to be.
        asset_id: its id.
        source: the asset as `plan_asset` and the pipes want it.
        model: what it was planned by; when that has changed meanwhile, the asset follows it. None for an asset that
            is taken as it is.

    Raises:
        ApiError: `services.storage.document_already_exists`, `device_manager.models.closing` or `unknown_asset`, and
            what the mapping refuses.
    """
    if model is not None and concerns_twins(model, current := work.model(model)):
        source = followed(source, current)
    ended = work.documents.get(deletion_key(engine, asset_id))
    with work.as_one():
        if ended is not None:
            source = _begun_after(source, ended.source["timestamp"])
        asset = work.create(asset_key(engine, asset_id), source)
        event = metadata_event(list(leaf_paths(source.get("metadata") or {})))
        work.record(engine, history_entry(asset_id, source, event))
        if ended is not None:
            work.record(engine, ended.source)
            work.delete(deletion_key(engine, asset_id))
    return asset


def _begun_after(source: Source, end: int) -> Source:
    """`source` with a time of creation after `end`, also when clocks differ."""
    created_at = max(changed_at(source), end + 1)
    return source | {"_kuzzle_info": (source.get("_kuzzle_info") or {}) | {"createdAt": created_at}}


def update_asset(work: Workspace, engine: str, asset_id: str, change: MetadataChange, stamp: Stamp) -> Document:
    """Change an asset's metadata; the asset is loaded.

    Raises:
        ApiError: `services.storage.not_found`, and what the mapping refuses.
    """
    key = asset_key(engine, asset_id)
    before = work.get(key).source
    source = changed(change.applied(before), stamp)
    with work.as_one():
        asset = work.replace(key, source)
        work.record(engine, history_entry(asset_id, source, metadata_event(change.names(before))))
    return asset


def linked_devices(view: View, engine: str, asset_id: str) -> list[str]:
    """The devices that an asset is linked to, in link order. Raises `services.storage.not_found`."""
    return list(asset_links(view.asset(engine, asset_id).source))


def asset_deletion_keys(view: View, engine: str, asset_id: str) -> Iterable[Key]:
    """What has to be loaded beside the asset before it is deleted."""
    return [device_key(engine, device_id) for device_id in linked_devices(view, engine, asset_id)]


def delete_asset(
    work: Workspace,
    engine: str,
    asset_id: str,
    stamp: Stamp,
    patches: Mapping[str, Patches] | None = None,
) -> AssetDeletion:
    """Unlink an asset from all devices, then delete it; its history tells of each, its last entry of the deletion.

    The asset and `asset_deletion_keys` are loaded. A device that is gone is no obstacle.

    Args:
        work: the documents.
        engine: where the asset is.
        asset_id: the asset.
        stamp: who does it, and when.
        patches: device id -> what the pipes of that link want.

    Raises:
        ApiError: `services.storage.not_found`, and what the mapping refuses of the patches.
    """
    key, end = asset_keys(engine, asset_id)
    devices = linked_devices(work, engine, asset_id)
    unlinked: list[LinkOutcome] = []
    with work.as_one():
        for device_id in devices:
            if device_key(engine, device_id) in work.documents:
                wishes = (patches or {}).get(device_id, NO_PATCHES)
                unlinked.append(unlink(work, engine, device_id, asset_id, (), stamp, wishes))
            else:
                _drop_link(work, engine, asset_id, device_id, stamp)
        last = work.get(key)
        _record_end(work, engine, end, history_entry(asset_id, changed(last.source, stamp), deletion_event()))
        work.delete(key)
    return AssetDeletion(last, settled(unlinked))


def _record_end(work: Workspace, engine: str, end: Key, entry: Source) -> None:
    """Add the entry of a deletion at its place, which is free unless something else brought the asset back."""
    try:
        work.create(end, entry)
    except ApiError as error:
        if error.id != "services.storage.document_already_exists":
            raise
        work.load((end,))
        work.record(engine, work.get(end).source)
        work.replace(end, entry)


def _drop_link(work: Workspace, engine: str, asset_id: str, device_id: str, stamp: Stamp) -> None:
    """Remove the asset's side of a link whose device does not exist."""
    key = asset_key(engine, asset_id)
    source = changed(with_asset_link(work.get(key).source, device_id, ()), stamp)
    work.write(engine, [(key, source)], [history_entry(asset_id, source, link_event("unlink", device_id))])
