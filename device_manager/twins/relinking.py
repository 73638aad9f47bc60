"""One link of one transaction: from slot pairs to the documents and history entries they need (device-manager 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from device_manager.storage.contract import Document
from device_manager.twins.documents import Source, Stamp, changed, history_entry, link_event, metadata_event
from device_manager.twins.links import Pairs, WantedLink, plan_link, with_asset_link, with_device_link
from device_manager.twins.listeners import NO_PATCHES, Patches
from device_manager.twins.patches import CHANGEABLE, Patch, patched, patched_paths
from device_manager.twins.places import asset_key, device_key
from device_manager.twins.workspace import Workspace


class LinkEntry(NamedTuple):
    """One device and asset of a request, and what it wants of their link."""

    engine: str
    device_id: str
    asset_id: str
    wanted: WantedLink


class LinkOutcome(NamedTuple):
    """A link after its entry was applied.

    Attributes:
        device: the device as it is now.
        asset: the asset as it is now, None when the link led to an asset that does not exist.
        pairs: the slot pairs of the link.
        changed: False when all of it held already, and nothing was written.
    """

    device: Document
    asset: Document | None
    pairs: Pairs
    changed: bool


def link(work: Workspace, entry: LinkEntry, stamp: Stamp, patches: Patches = NO_PATCHES) -> LinkOutcome:
    """Make or extend one link; its documents are loaded.

    Raises:
        ApiError: an unknown device or asset, a device that is not attached to the engine, a `device_manager.links.*`
            refusal, or what the mapping refuses of the patches. The workspace is then as it was.
    """
    device = work.attached_device(entry.engine, entry.device_id)
    asset = work.asset(entry.engine, entry.asset_id)
    pairs = plan_link(device, asset, entry.wanted)
    return write_link(work, "link", entry.engine, device, asset, pairs, stamp, patches)


def unlink(
    work: Workspace, engine: str, device_id: str, asset_id: str, pairs: Pairs, stamp: Stamp, patches: Patches
) -> LinkOutcome:
    """Leave only `pairs` of one link; none removes it. An asset that is gone is no obstacle."""
    device = work.get(device_key(engine, device_id))
    asset = work.documents.get(asset_key(engine, asset_id))
    if asset is not None:
        return write_link(work, "unlink", engine, device, asset, pairs, stamp, patches)
    source = changed(with_device_link(device.source, asset_id, pairs), stamp)
    work.write(engine, [(device_key(engine, device_id), source)], [])
    return LinkOutcome(work.get(device_key(engine, device_id)), None, pairs, changed=True)


def settled(outcomes: Sequence[LinkOutcome]) -> list[LinkOutcome]:
    """The outcomes of one transaction with every twin as it is in the end, not as it was in between."""
    devices = {outcome.device.id: outcome.device for outcome in outcomes}
    assets = {_address(outcome, asset): asset for outcome in outcomes if (asset := outcome.asset)}
    return [
        outcome._replace(
            device=devices[outcome.device.id],
            asset=assets[_address(outcome, outcome.asset)] if outcome.asset else None,
        )
        for outcome in outcomes
    ]


def _address(outcome: LinkOutcome, asset: Document) -> tuple[str, str]:
    """Asset ids are unique inside their engine only, which is the device's."""
    return outcome.device.source["engineId"], asset.id


def write_link(
    work: Workspace,
    event: str,
    engine: str,
    device: Document,
    asset: Document,
    pairs: Pairs,
    stamp: Stamp,
    patches: Patches = NO_PATCHES,
) -> LinkOutcome:
    """Let the link hold `pairs` on both sides, with its history entry; `event` is `link` or `unlink`.

    Raises:
        ApiError: what the mapping refuses of the patches.
    """
    new_device = with_device_link(device.source, asset.id, pairs)
    new_asset = with_asset_link(asset.source, device.id, pairs)
    if new_device is device.source and new_asset is asset.source:
        return LinkOutcome(device, asset, pairs, changed=False)
    changes = [(device_key(engine, device.id), changed(_with_metadata(new_device, patches.device), stamp))]
    history: list[Source] = []
    wished = _with_metadata(asset.source, patches.asset)
    if wished.get(CHANGEABLE) != asset.source.get(CHANGEABLE):
        patched_asset = changed(wished, stamp)
        history.append(history_entry(asset.id, patched_asset, metadata_event(list(patched_paths(patches.asset)))))
        new_asset = with_asset_link(patched_asset, device.id, pairs)
    new_asset = changed(new_asset, stamp)
    history.append(history_entry(asset.id, new_asset, link_event(event, device.id)))
    changes.append((asset_key(engine, asset.id), new_asset))
    work.write(engine, changes, history)
    return LinkOutcome(
        work.get(device_key(engine, device.id)), work.get(asset_key(engine, asset.id)), pairs, changed=True
    )


def _with_metadata(twin: Source, patch: Patch) -> Source:
    return twin | {CHANGEABLE: patched(twin.get(CHANGEABLE), patch)} if patch else twin
