"""What creating, attaching, changing, detaching and deleting a device does to documents (device-manager 2.3). Pure.

Each function is one step of a transaction: it changes the workspace as a whole, or raises and leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document, Key
from device_manager.twins.call import Call
from device_manager.twins.documents import Source, Stamp, changed, device_metadata, new_device
from device_manager.twins.links import device_links
from device_manager.twins.listeners import NO_PATCHES, Patches
from device_manager.twins.metadata import MetadataChange
from device_manager.twins.model_following import concerns_twins, followed
from device_manager.twins.models import Model
from device_manager.twins.places import Places, asset_key, device_key
from device_manager.twins.relinking import LinkOutcome, settled, unlink
from device_manager.twins.workspace import View, Workspace


class DeviceRemoval(NamedTuple):
    """A device that left its engine.

    Attributes:
        device: as the engine held it in the end, None when the engine did not hold it.
        unlinked: the links that went with it.
    """

    device: Document | None
    unlinked: list[LinkOutcome]


def device_keys(places: Places, engine: str, device_id: str) -> list[Key]:
    """What has to be loaded before a device is created, changed, detached or deleted."""
    return [*attach_keys(places, engine, device_id), device_key(engine, device_id)]


def attach_keys(places: Places, engine: str, device_id: str) -> list[Key]:
    """What has to be loaded before a device is attached."""
    return [places.provisioning(device_id), places.engine_config(engine)]


def exists_elsewhere(device_id: str, engine: str, call: Call) -> ApiError:
    """The refusal of a device that `engine` has; who has no right to that engine is not told that one has it."""
    if call.may_use(engine):
        return api_error("device_manager.devices.exists_elsewhere", device_id)
    return api_error("services.storage.document_already_exists")


def plan_device(provisioning: Source, model: Model, given: Source, engine: str, stamp: Stamp) -> Source:
    """The device as `engine` is going to hold it, before pipes."""
    return new_device(
        provisioning["model"],
        provisioning["reference"],
        provisioning.get("measureSlots") or [],
        device_metadata(model.metadata_mappings, model.default_metadata, given),
        engine,
        stamp,
    )


def create_device(
    work: Workspace,
    engine: str | None,
    device_id: str,
    provisioning: Source,
    source: Source | None,
    model: Model | None = None,
) -> Document:
    """Provision a device, and attach it when there is an `engine`; returns the engine's document, else the record.

    Args:
        work: the documents; the engine's configuration is loaded, or is read.
        engine: where it gets attached.
        device_id: the device.
        provisioning: the platform's record, `engineId` included.
        source: the device as the engine is going to hold it.
        model: what it was planned by, loaded; when that has changed meanwhile, the device follows it. None for a
            device that is taken as it is.

    Raises:
        ApiError: `services.storage.document_already_exists`, `device_manager.engines.unknown`,
            `device_manager.models.closing` or `unknown_device`, and what the mapping refuses.
    """
    if model is not None and concerns_twins(model, current := work.model(model)):
        provisioning = followed(provisioning, current)
        source = followed(source, current) if source is not None else None
    with work.as_one():
        stored = work.create(work.places.provisioning(device_id), provisioning)
        if engine is not None and source is not None:
            work.hold(engine)
            stored = work.create(device_key(engine, device_id), source)
    return stored


def free_device(view: View, device_id: str) -> Document:
    """The platform's record of a device that is in no engine.

    Raises:
        ApiError: `services.storage.not_found`, `device_manager.devices.already_attached`.
    """
    provisioning = view.provisioning(device_id)
    if provisioning.source.get("engineId"):
        raise api_error("device_manager.devices.already_attached", device_id)
    return provisioning


def attach_device(work: Workspace, engine: str, device_id: str, source: Source, stamp: Stamp) -> Document:
    """Attach a provisioned device; `attach_keys` are loaded. Returns the engine's document.

    Args:
        work: the documents.
        engine: where it gets attached.
        device_id: the device.
        source: what `plan_device` said, as the pipes left it; the slots are taken from the record as it is now.
        stamp: who does it, and when.

    Raises:
        ApiError: `services.storage.not_found`, `device_manager.devices.already_attached`,
            `device_manager.engines.unknown`, and what the mapping refuses.
    """
    provisioning = free_device(work, device_id)
    work.hold(engine)
    with work.as_one():
        slots = provisioning.source.get("measureSlots") or []
        device = work.create(device_key(engine, device_id), source | {"measureSlots": slots})
        key = work.places.provisioning(device_id)
        work.replace(key, changed(provisioning.source | {"engineId": engine}, stamp))
    return device


def update_device(work: Workspace, engine: str, device_id: str, change: MetadataChange, stamp: Stamp) -> Document:
    """Change the metadata of a device in its engine; the device is loaded.

    Raises:
        ApiError: `services.storage.not_found`, and what the mapping refuses.
    """
    key = device_key(engine, device_id)
    return work.replace(key, changed(change.applied(work.get(key).source), stamp))


def linked_assets(view: View, engine: str, device_id: str) -> list[str]:
    """The assets that a device is linked to, in link order; none when the engine does not hold it."""
    device = view.documents.get(device_key(engine, device_id))
    return list(device_links(device.source)) if device else []


def removal_keys(view: View, engine: str, device_id: str) -> Iterable[Key]:
    """What has to be loaded beside the device before it leaves its engine."""
    return [asset_key(engine, asset_id) for asset_id in linked_assets(view, engine, device_id)]


def detach_device(
    work: Workspace, engine: str, device_id: str, stamp: Stamp, patches: Mapping[str, Patches] | None = None
) -> DeviceRemoval:
    """Unlink a device from all assets, then take it out of its engine; the platform keeps its record.

    `device_keys` and `removal_keys` are loaded. A device that its engine does not hold becomes free all the same.

    Args:
        work: the documents.
        engine: what `View.attachment` says.
        device_id: the device.
        stamp: who does it, and when.
        patches: asset id -> what the pipes of that link want.

    Raises:
        ApiError: what `View.attachment` raises, and what the mapping refuses of the patches.
    """
    work.attachment(device_id, engine)
    with work.as_one():
        unlinked = _unlink_all(work, engine, device_id, stamp, patches)
        key = work.places.provisioning(device_id)
        work.replace(key, changed(work.get(key).source | {"engineId": None}, stamp))
        device = _remove(work, device_key(engine, device_id))
    return DeviceRemoval(device, unlinked)


def delete_device(
    work: Workspace, engine: str, device_id: str, stamp: Stamp, patches: Mapping[str, Patches] | None = None
) -> DeviceRemoval:
    """Unlink a device from all assets, then delete it from its engine and from the platform.

    The arguments are those of `detach_device`. A copy in the engine that the record does not know of goes as well, and
    the record of a device that is attached elsewhere stays.

    Raises:
        ApiError: `services.storage.not_found`, and what the mapping refuses of the patches.
    """
    key = work.places.provisioning(device_id)
    record = work.documents.get(key)
    attached_to = record.source.get("engineId") if record else None
    if attached_to != engine:
        work.get(device_key(engine, device_id))
    with work.as_one():
        unlinked = _unlink_all(work, engine, device_id, stamp, patches)
        if record is not None and attached_to in (None, engine):
            work.delete(key)
        device = _remove(work, device_key(engine, device_id))
    return DeviceRemoval(device, unlinked)


def _unlink_all(
    work: Workspace, engine: str, device_id: str, stamp: Stamp, patches: Mapping[str, Patches] | None
) -> list[LinkOutcome]:
    wishes = patches or {}
    return settled(
        [
            unlink(work, engine, device_id, asset_id, (), stamp, wishes.get(asset_id, NO_PATCHES))
            for asset_id in linked_assets(work, engine, device_id)
        ]
    )


def _remove(work: Workspace, key: Key) -> Document | None:
    document = work.documents.get(key)
    if document is not None:
        work.delete(key)
    return document
