"""How broken links and attachments are put right: pure steps inside one transaction (design 9, device-manager 4).

The device decides about a link: ingestion goes by the device's side, and an asset, which many devices share, is what
lost updates of other writers hit. A link that only the device knows is written on the asset where its slots are free;
one that only the asset knows is removed.
"""

from __future__ import annotations

from device_manager.errors import ApiError
from device_manager.storage.contract import Document, Key
from device_manager.twins.documents import (
    Source,
    Stamp,
    changed,
    history_entry,
    link_event,
    new_provisioning,
)
from device_manager.twins.links import (
    Pairs,
    SlotPair,
    asset_links,
    device_links,
    slot_types,
    with_asset_link,
    with_device_link,
)
from device_manager.twins.places import asset_key, device_key
from device_manager.twins.relinking import write_link
from device_manager.twins.workspace import Workspace


def mend_device(work: Workspace, engine: str, device_id: str, stamp: Stamp) -> list[str]:
    """Put all links of a device right; what was done, for people."""
    key = device_key(engine, device_id)
    work.load((key,))
    device = work.documents.get(key)
    if device is None:
        return []
    assets = list(device_links(device.source))
    work.load(asset_key(engine, asset_id) for asset_id in assets)
    done = (_mend_link(work, engine, device_id, asset_id, stamp) for asset_id in assets)
    return [text for text in done if text]


def mend_asset(work: Workspace, engine: str, asset_id: str, stamp: Stamp) -> list[str]:
    """Put all links of an asset right; what was done, for people."""
    key = asset_key(engine, asset_id)
    work.load((key,))
    asset = work.documents.get(key)
    if asset is None:
        return []
    devices = list(asset_links(asset.source))
    work.load(device_key(engine, device_id) for device_id in devices)
    done = (_mend_link(work, engine, device_id, asset_id, stamp) for device_id in devices)
    return [text for text in done if text]


def _mend_link(work: Workspace, engine: str, device_id: str, asset_id: str, stamp: Stamp) -> str | None:
    device = work.documents.get(device_key(engine, device_id))
    asset = work.documents.get(asset_key(engine, asset_id))
    if device is None or asset is None:
        return _drop_dangling(work, engine, device, asset, (device_id, asset_id), stamp)
    pairs = _sound_pairs(device, asset)
    event = "link" if set(pairs) - set(asset_links(asset.source).get(device_id, ())) else "unlink"
    if not write_link(work, event, engine, device, asset, pairs, stamp).changed:
        return None
    if not pairs:
        return f'Remove the link of device "{device_id}" and asset "{asset_id}": it is not sound on the device\'s side.'
    named = ", ".join(f'"{pair.device}" to "{pair.asset}"' for pair in pairs)
    return f'Link device "{device_id}" and asset "{asset_id}" on both sides: {named}.'


def _drop_dangling(
    work: Workspace, engine: str, device: Document | None, asset: Document | None, ids: tuple[str, str], stamp: Stamp
) -> str | None:
    """Remove one side of a link whose other side does not exist."""
    device_id, asset_id = ids
    if device is not None:
        source = changed(with_device_link(device.source, asset_id, ()), stamp)
        work.write(engine, [(device_key(engine, device_id), source)], [])
        return f'Remove the link of device "{device_id}" with asset "{asset_id}", which does not exist.'
    if asset is None:
        return None
    source = changed(with_asset_link(asset.source, device_id, ()), stamp)
    entry = history_entry(asset_id, source, link_event("unlink", device_id))
    work.write(engine, [(asset_key(engine, asset_id), source)], [entry])
    return f'Remove the link of asset "{asset_id}" with device "{device_id}", which does not exist.'


def _sound_pairs(device: Document, asset: Document) -> Pairs:
    """The pairs of the device's side that may stay: slots that exist, of one type, that no earlier link uses."""
    device_slots, asset_slots = slot_types(device.source), slot_types(asset.source)
    feeding = {pair.device for pair in _before(device_links(device.source), asset.id)}
    fed = {pair.asset for pair in _before(asset_links(asset.source), device.id)}
    sound: list[SlotPair] = []
    for pair in device_links(device.source).get(asset.id, ()):
        type = device_slots.get(pair.device)
        if type is None or type != asset_slots.get(pair.asset) or pair.device in feeding or pair.asset in fed:
            continue
        sound.append(pair)
        feeding.add(pair.device)
        fed.add(pair.asset)
    return tuple(sound)


def _before(links: dict[str, Pairs], partner: str) -> list[SlotPair]:
    """The pairs of the links that stand before the one with `partner`; of all when there is none."""
    found: list[SlotPair] = []
    for other, pairs in links.items():
        if other == partner:
            break
        found.extend(pairs)
    return found


def mend_attachment(work: Workspace, engine: str, device_id: str, stamp: Stamp) -> list[str]:
    """Make platform and engine agree on where a device is; what was done, for people."""
    here, record = device_key(engine, device_id), work.places.provisioning(device_id)
    work.load((here, record))
    device, provisioning = work.documents.get(here), work.documents.get(record)
    if device is None:
        return _free(work, engine, record, provisioning, stamp)
    if provisioning is None:
        source = device.source
        slots = source.get("measureSlots") or []
        known = new_provisioning(source["model"], source["reference"], slots, engine, stamp)
        work.create(record, known)
        text = f'Provision the device "{device_id}" on the platform, attached to "{engine}".'
        return [text, *_name_engine(work, engine, device, stamp)]
    attached_to = provisioning.source.get("engineId")
    if attached_to == engine:
        return _name_engine(work, engine, device, stamp)
    if attached_to and _exists(work, device_key(attached_to, device_id)):
        return _remove(work, engine, device, attached_to, stamp)
    work.replace(record, changed(provisioning.source | {"engineId": engine}, stamp))
    text = f'Let the platform know that the device "{device_id}" is attached to "{engine}".'
    return [text, *_name_engine(work, engine, device, stamp)]


def _free(work: Workspace, engine: str, record: Key, provisioning: Document | None, stamp: Stamp) -> list[str]:
    """Detach, on the platform, a device that its engine does not have."""
    if provisioning is None or provisioning.source.get("engineId") != engine:
        return []
    work.replace(record, changed(provisioning.source | {"engineId": None}, stamp))
    return [f'Let the platform know that the device "{record.id}" is not attached to "{engine}".']


def _name_engine(work: Workspace, engine: str, device: Document, stamp: Stamp) -> list[str]:
    """Write the engine on its own document of the device, should that name another one."""
    if device.source.get("engineId") == engine:
        return []
    source: Source = device.source | {"engineId": engine}
    work.replace(device_key(engine, device.id), changed(source, stamp))
    return [f'Write on the device "{device.id}" that it is attached to "{engine}".']


def _exists(work: Workspace, key: Key) -> bool:
    try:
        work.load((key,))
    except ApiError:  # no such engine
        return False
    return key in work.documents


def _remove(work: Workspace, engine: str, device: Document, attached_to: str, stamp: Stamp) -> list[str]:
    """Remove what is left of a device in an engine that it is not attached to any more."""
    assets = list(device_links(device.source))
    work.load(asset_key(engine, asset_id) for asset_id in assets)
    for asset_id in assets:
        asset = work.documents.get(asset_key(engine, asset_id))
        if asset is not None:
            write_link(work, "unlink", engine, work.get(device_key(engine, device.id)), asset, (), stamp)
    work.delete(device_key(engine, device.id))
    return [f'Remove the device "{device.id}" from "{engine}" with its links: it is attached to "{attached_to}".']
