"""The rules of linking: which slot pairs a link holds after a request (device-manager 4, with its recommendations).

Pure: documents in, slot pairs or a refusal out. A link is stored on both sides; each slot of a twin takes part in at
most one slot pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document

Source = dict[str, Any]


class SlotPair(NamedTuple):
    """A measure slot of an asset and the device slot that feeds it."""

    asset: str
    device: str


Pairs = tuple[SlotPair, ...]


class WantedLink(NamedTuple):
    """What a request wants of one link: pairs that it names, and whether free slots are paired by type as well."""

    pairs: Pairs = ()
    implicit: bool = False


class WantedUnlink(NamedTuple):
    """What a request takes from the link with one asset: all of it, or the pairs that it names."""

    asset_id: str
    all_measures: bool = False
    pairs: Pairs = ()


class UnlinkSelection(NamedTuple):
    """What `unlinkAssets` removes: the union of what the members name."""

    all_measures: bool = False
    assets: tuple[str, ...] = ()
    device_slots: tuple[str, ...] = ()
    entries: tuple[WantedUnlink, ...] = ()


def device_links(device: Source) -> dict[str, Pairs]:
    """The links of a device: asset id -> slot pairs, in link order."""
    return _links(device, "assetId")


def asset_links(asset: Source) -> dict[str, Pairs]:
    """The links of an asset: device id -> slot pairs, in link order."""
    return _links(asset, "deviceId")


def _links(twin: Source, partner: str) -> dict[str, Pairs]:
    links: dict[str, Pairs] = {}
    for entry in twin.get("linkedMeasures") or ():
        pairs = tuple(SlotPair(pair["asset"], pair["device"]) for pair in entry.get("measureSlots") or ())
        links[entry[partner]] = links.get(entry[partner], ()) + pairs
    return links


def slot_types(twin: Source) -> dict[str, str]:
    """Measure slots of a twin: name -> measure type, in the model's order."""
    return {slot["name"]: slot["type"] for slot in twin.get("measureSlots") or ()}


def plan_link(device: Document, asset: Document, wanted: WantedLink) -> Pairs:
    """The slot pairs of the link between `device` and `asset` once `wanted` is done (device-manager 4.3).

    New pairs come first, then the previous ones that share neither side with them. When all that is wanted holds
    already, the result is the link as it is.

    Raises:
        ApiError: a `device_manager.links.*` refusal.
    """
    links_of_device = device_links(device.source)
    links_of_asset = asset_links(asset.source)
    current = _both_sides(links_of_device.pop(asset.id, ()), links_of_asset.pop(device.id, ()))
    fed = {pair.asset for pairs in links_of_asset.values() for pair in pairs}
    feeding = {pair.device for pairs in links_of_device.values() for pair in pairs}

    device_slots, asset_slots = slot_types(device.source), slot_types(asset.source)
    requested = tuple(dict.fromkeys(wanted.pairs))
    for pair in requested:
        _check_slots(pair, device, device_slots, asset, asset_slots)
    _check_once(requested)
    for pair in requested:
        if pair.asset in fed:
            raise api_error("device_manager.links.asset_slot_taken", pair.asset)
        if pair.device in feeding:
            raise api_error("device_manager.links.device_slot_taken", pair.device)

    new = requested
    if wanted.implicit:
        busy = (*current, *requested)
        free_device_slots = _without(device_slots, feeding.union(pair.device for pair in busy))
        free_asset_slots = _without(asset_slots, fed.union(pair.asset for pair in busy))
        new += _pair_by_type(free_device_slots, free_asset_slots)
    if not new and not current:
        raise api_error("device_manager.links.no_free_slot", device.id, asset.id)
    if set(new) <= set(current):
        return current
    return _joined(new, current)


def try_link(device: Document, asset: Document, wanted: WantedLink) -> Pairs | None:
    """What `plan_link` answers, None when it refuses."""
    try:
        return plan_link(device, asset, wanted)
    except ApiError:
        return None


def _check_slots(
    pair: SlotPair, device: Document, device_slots: dict[str, str], asset: Document, asset_slots: dict[str, str]
) -> None:
    device_type, asset_type = device_slots.get(pair.device), asset_slots.get(pair.asset)
    if device_type is None:
        raise api_error("device_manager.links.undeclared_device_slot", pair.device, device.source.get("model"))
    if asset_type is None:
        raise api_error("device_manager.links.unknown_asset_slot", pair.asset, asset.id)
    if device_type != asset_type:
        raise api_error("device_manager.links.different_types", pair.device, device_type, pair.asset, asset_type)


def _check_once(pairs: Pairs) -> None:
    """Refuse a slot that two different pairs of one request name."""
    for side in ("asset", "device"):
        seen: set[str] = set()
        for pair in pairs:
            slot = getattr(pair, side)
            if slot in seen:
                raise api_error("device_manager.links.slot_named_twice", slot)
            seen.add(slot)


def _without(slots: dict[str, str], taken: set[str]) -> dict[str, str]:
    return {name: type for name, type in slots.items() if name not in taken}


def _pair_by_type(device_slots: dict[str, str], asset_slots: dict[str, str]) -> Pairs:
    """Give each free device slot, in the model's order, the first free asset slot of its type."""
    free: dict[str, list[str]] = {}
    for name, type in asset_slots.items():
        free.setdefault(type, []).append(name)
    pairs = []
    for name, type in device_slots.items():
        candidates = free.get(type)
        if candidates:
            pairs.append(SlotPair(candidates.pop(0), name))
    return tuple(pairs)


def _both_sides(on_device: Pairs, on_asset: Pairs) -> Pairs:
    """One list from the two stored copies of a link, which differ only in data that something else wrote."""
    return on_device if set(on_device) == set(on_asset) else _joined(on_device, on_asset)


def _joined(first: Pairs, others: Iterable[SlotPair]) -> Pairs:
    """`first`, then those of `others` that share no slot with what stands before them."""
    joined = list(first)
    assets, devices = {pair.asset for pair in first}, {pair.device for pair in first}
    for pair in others:
        if pair.asset not in assets and pair.device not in devices:
            joined.append(pair)
            assets.add(pair.asset)
            devices.add(pair.device)
    return tuple(joined)


def plan_unlink(device: Document, selection: UnlinkSelection) -> dict[str, Pairs]:
    """The slot pairs that stay in each link of `device` that `selection` touches: asset id -> pairs, in link order.

    Raises:
        ApiError: `device_manager.links.device_not_linked` for an asset that is not linked,
            `device_manager.links.slot_not_linked` for a slot or pair in no link.
    """
    links = device_links(device.source)
    removed: dict[str, set[SlotPair]] = {}
    for asset_id in selection.assets:
        removed.setdefault(asset_id, set()).update(_link_with(asset_id, device, links))
    for entry in selection.entries:
        pairs = _link_with(entry.asset_id, device, links)
        named = pairs if entry.all_measures else _named_pairs(entry.pairs, pairs, device)
        removed.setdefault(entry.asset_id, set()).update(named)
    for slot in selection.device_slots:
        asset_id, pair = _pair_of(slot, device, links)
        removed.setdefault(asset_id, set()).add(pair)
    if selection.all_measures:
        return dict.fromkeys(links, ())
    return {
        asset_id: tuple(pair for pair in pairs if pair not in removed[asset_id])
        for asset_id, pairs in links.items()
        if asset_id in removed
    }


def _link_with(asset_id: str, device: Document, links: dict[str, Pairs]) -> Pairs:
    if asset_id not in links:
        raise api_error("device_manager.links.device_not_linked", device.id)
    return links[asset_id]


def _named_pairs(named: Pairs, linked: Pairs, device: Document) -> Pairs:
    for pair in named:
        if pair not in linked:
            raise api_error("device_manager.links.slot_not_linked", pair.device, device.id)
    return named


def _pair_of(slot: str, device: Document, links: dict[str, Pairs]) -> tuple[str, SlotPair]:
    for asset_id, pairs in links.items():
        for pair in pairs:
            if pair.device == slot:
                return asset_id, pair
    raise api_error("device_manager.links.slot_not_linked", slot, device.id)


def with_device_link(device: Source, asset_id: str, pairs: Pairs) -> Source:
    """`device` with the link to `asset_id` holding `pairs`; the same object when it does already."""
    return _with_link(device, "assetId", asset_id, pairs)


def with_asset_link(asset: Source, device_id: str, pairs: Pairs) -> Source:
    """`asset` with the link to `device_id` holding `pairs`; the same object when it does already."""
    return _with_link(asset, "deviceId", device_id, pairs)


def _with_link(twin: Source, partner: str, partner_id: str, pairs: Pairs) -> Source:
    """A link keeps its place, a new one comes last, one without pairs goes."""
    entries: Sequence[Source] = twin.get("linkedMeasures") or ()
    places = [place for place, entry in enumerate(entries) if entry[partner] == partner_id]
    if (
        len(places) <= 1
        and set(_links(twin, partner).get(partner_id, ())) == set(pairs)
        and bool(places) == bool(pairs)
    ):
        return twin
    changed = [entry for entry in entries if entry[partner] != partner_id]
    if pairs:
        slots = [{"asset": pair.asset, "device": pair.device} for pair in pairs]
        changed.insert(places[0] if places else len(changed), {partner: partner_id, "measureSlots": slots})
    return twin | {"linkedMeasures": changed}
