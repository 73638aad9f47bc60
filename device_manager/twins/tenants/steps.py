"""What moving assets from one engine to another does to documents (device-manager 2.2, migrateTenant). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from device_manager.storage.contract import Key
from device_manager.twins.asset_steps import asset_keys, create_asset, delete_asset
from device_manager.twins.device_steps import attach_device, detach_device, device_keys
from device_manager.twins.documents import Source, Stamp, created, new_device
from device_manager.twins.links import Pairs, WantedLink, asset_links, device_links
from device_manager.twins.models import Models
from device_manager.twins.places import asset_key, device_key
from device_manager.twins.relinking import LinkEntry, link
from device_manager.twins.workspace import Workspace

CLEAN: Source = {"linkedMeasures": [], "groups": []}
"""What a twin begins with in another engine."""


class Migration(NamedTuple):
    """A move from engine to engine.

    Attributes:
        source: where the assets are.
        destination: where they go.
        ids: all assets that are to move.
        with_devices: whether the devices that they are linked to come along, with these links.
        group: the engine group of both.
    """

    source: str
    destination: str
    ids: Collection[str]
    with_devices: bool
    group: str


def migrate(work: Workspace, order: Migration, asset_id: str, models: Models, stamp: Stamp) -> list[str]:
    """Move an asset and, when devices come along, the listed assets that share devices with it; which ones moved.

    What does not exist, or exists in the destination, stays where it is. All other links of the devices end, which
    the history of those assets tells; measures and history stay in the engine that they were made in.

    Raises:
        ApiError: an engine that is being deleted, a model that is being deleted, a device whose records do not agree,
            and what the mapping refuses.
    """
    links = _links(work, order, asset_id)
    if not links:
        return []
    work.hold(order.destination)
    devices = _devices(work, order, links)
    content = {id: work.asset(order.source, id).source for id in links}
    for asset in content.values():
        model = models.find("asset", asset.get("model") or "", order.group)
        if model is not None:
            work.model(model)
    moving = {id: work.get(device_key(order.source, id)).source for id in devices}
    for id in devices:
        detach_device(work, order.source, id, stamp)
    for id in links:
        delete_asset(work, order.source, id, stamp)
        create_asset(work, order.destination, id, created(_bare(content[id]) | CLEAN, stamp))
    for id, device in moving.items():
        attach_device(work, order.destination, id, _device(device, order.destination, stamp), stamp)
    for id, linked in links.items():
        for device_id, pairs in linked.items():
            if device_id in moving:
                link(work, LinkEntry(order.destination, device_id, id, WantedLink(pairs)), stamp)
    return list(links)


def _links(work: Workspace, order: Migration, asset_id: str) -> dict[str, dict[str, Pairs]]:
    """The assets that move together, with their links."""
    links: dict[str, dict[str, Pairs]] = {}
    looked_at: set[str] = set()
    waiting = {asset_id}
    while waiting:
        looked_at |= waiting
        work.load([key for id in waiting for key in _asset_keys(order, id)])
        movable = sorted(id for id in waiting if _is_movable(work, order, id))
        links |= {id: asset_links(work.asset(order.source, id).source) for id in movable}
        waiting = set()
        if order.with_devices:
            devices = [device_key(order.source, device_id) for id in movable for device_id in links[id]]
            work.load(devices)
            present = [work.documents[key] for key in devices if key in work.documents]
            waiting = {other for device in present for other in device_links(device.source)}
            waiting = waiting.intersection(order.ids) - looked_at
    return links


def _is_movable(work: Workspace, order: Migration, id: str) -> bool:
    documents = work.documents
    return asset_key(order.source, id) in documents and asset_key(order.destination, id) not in documents


def _asset_keys(order: Migration, id: str) -> list[Key]:
    return [*asset_keys(order.source, id), *asset_keys(order.destination, id)]


def _devices(work: Workspace, order: Migration, links: dict[str, dict[str, Pairs]]) -> list[str]:
    """The devices that come along, with all that is needed of them and of those that stay loaded."""
    linked: Iterable[str] = dict.fromkeys(device_id for pairs in links.values() for device_id in pairs)
    work.load([device_key(order.source, id) for id in linked])
    present = [id for id in linked if device_key(order.source, id) in work.documents]
    if not order.with_devices:
        return []
    others = {other for id in present for other in device_links(work.get(device_key(order.source, id)).source)}
    work.load(
        [
            *(key for id in present for key in device_keys(work.places, order.source, id)),
            *(device_key(order.destination, id) for id in present),
            *(asset_key(order.source, other) for other in others),
        ]
    )
    return present


def _bare(source: Source) -> Source:
    return {name: value for name, value in source.items() if name != "_kuzzle_info"}


def _device(device: Source, engine: str, stamp: Stamp) -> Source:
    """The device as the other engine is going to hold it: its metadata comes along."""
    slots = device.get("measureSlots") or []
    return new_device(device["model"], device["reference"], slots, device.get("metadata") or {}, engine, stamp)
