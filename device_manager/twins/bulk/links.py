"""Linking and unlinking of many devices in one call (device-manager 4, 6.3; design 5)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document, Key
from device_manager.twins.bulk.action import Answers, Applied, BulkAction, answer_of
from device_manager.twins.bulk.records import DeviceRecord, LinkRecord, UnlinkRecord, UnlinkSlot
from device_manager.twins.documents import Source, Stamp
from device_manager.twins.links import Pairs, device_links, slot_types, try_link
from device_manager.twins.listeners import NO_PATCHES, Patches
from device_manager.twins.places import asset_key, device_key
from device_manager.twins.relinking import LinkEntry, link, unlink
from device_manager.twins.workspace import View, Workspace

R = TypeVar("R", LinkRecord, UnlinkRecord, DeviceRecord)


class DeviceAction(BulkAction[R]):
    """A bulk action whose records name a device, and perhaps an asset."""

    def rounds(self, records: Sequence[R], view: View) -> Iterator[list[Key]]:
        """See `BulkAction.rounds`: all at once where the engine is known, else the provisioning documents first."""
        keys = dict.fromkeys(self.places.provisioning(record.device_id) for record in records)
        known = {
            place: engine for place, record in enumerate(records) if (engine := self._named_engine(record)) is not None
        }
        for place, engine in known.items():
            keys.update(dict.fromkeys(_twin_keys(engine, records[place])))
        yield list(keys)
        later: dict[Key, None] = {}
        engines = dict(known)
        for place, record in enumerate(records):
            if place not in known and (own := self._try_engine(record, view)) is not None:
                engines[place] = own
                later.update(dict.fromkeys(_twin_keys(own, record)))
        if later:
            yield list(later)
        if self.follows_links:
            yield list(dict.fromkeys(chain.from_iterable(self._linked(engines, records, view))))

    def reach(self, records: Sequence[R]) -> frozenset[Key] | None:
        """See `BulkAction.reach`: it shows when the call names the engine and the records all that they touch."""
        if self.engine is None or (self.follows_links and not all(map(_asset_of, records))):
            return None
        return frozenset(next(self.rounds(records, View(self.places))))

    follows_links = False
    """Whether the assets that a device is linked to are needed although no record names them."""

    def _named_engine(self, record: R) -> str | None:
        return self.engine

    def _try_engine(self, record: R, view: View) -> str | None:
        try:
            return self.engine_of(record.device_id, view)
        except ApiError:
            return None

    def _linked(self, engines: dict[int, str], records: Sequence[R], view: View) -> Iterator[Iterable[Key]]:
        for place, engine in engines.items():
            device = view.documents.get(device_key(engine, records[place].device_id))
            if device is not None and not _asset_of(records[place]):
                yield (asset_key(engine, asset_id) for asset_id in device_links(device.source))


def _asset_of(record: LinkRecord | UnlinkRecord | DeviceRecord) -> str:
    return "" if isinstance(record, DeviceRecord) else record.asset_id


def _twin_keys(engine: str, record: LinkRecord | UnlinkRecord | DeviceRecord) -> list[Key]:
    keys = [device_key(engine, record.device_id)]
    asset_id = _asset_of(record)
    return [*keys, asset_key(engine, asset_id)] if asset_id else keys


class LinkMany(DeviceAction[LinkRecord]):
    """Links devices to assets."""

    @property
    def listens_before(self) -> bool:
        """See `BulkAction`."""
        return self.events.listens_before("link-asset")

    @property
    def listens_after(self) -> bool:
        """See `BulkAction`."""
        return self.events.listens_after("link-asset")

    async def ask(self, record: LinkRecord, view: View, answered: Answers) -> Answers:
        """See `BulkAction.ask`: one question a record."""
        engine = self.engine_of(record.device_id, view)
        device = view.attached_device(engine, record.device_id)
        asset = view.asset(engine, record.asset_id)
        planned = try_link(device, asset, record.wanted)
        return {record.asset_id: await self.events.before("link-asset", device, asset, planned, self.call)}

    def apply(self, work: Workspace, record: LinkRecord, answers: Answers | None, stamp: Stamp) -> Applied:
        """See `BulkAction.apply`."""
        engine = self.engine_of(record.device_id, work)
        patches: Patches = answer_of(answers, record.asset_id, NO_PATCHES)
        entry = LinkEntry(engine, record.device_id, record.asset_id, record.wanted)
        outcome = link(work, entry, stamp, patches)
        twins = (device_key(engine, record.device_id), asset_key(engine, record.asset_id))
        return Applied(outcome.changed, {"measureSlots": slots_shown(outcome.pairs)}, twins)

    async def tell(self, record: LinkRecord, applied: Applied, twins: Sequence[Document]) -> None:
        """See `BulkAction.tell`."""
        device, asset = twins
        await self.events.after("link-asset", device, asset, self.call)


class UnlinkMany(DeviceAction[UnlinkRecord]):
    """Unlinks devices: from one asset or from all, completely or by slots. What is not linked is a success."""

    follows_links = True

    @property
    def listens_before(self) -> bool:
        """See `BulkAction`."""
        return self.events.listens_before("unlink-asset")

    @property
    def listens_after(self) -> bool:
        """See `BulkAction`."""
        return self.events.listens_after("unlink-asset")

    async def ask(self, record: UnlinkRecord, view: View, answered: Answers) -> Answers:
        """See `BulkAction.ask`: one question a link that goes or loses a pair."""
        engine = self.engine_of(record.device_id, view)
        device = view.attached_device(engine, record.device_id)
        return await ask_unlinks(self, engine, device, _left(device, engine, record, view), view, answered)

    def apply(self, work: Workspace, record: UnlinkRecord, answers: Answers | None, stamp: Stamp) -> Applied:
        """See `BulkAction.apply`; the success names the slot pairs that went."""
        engine = self.engine_of(record.device_id, work)
        device = work.attached_device(engine, record.device_id)
        left = _left(device, engine, record, work)
        links = device_links(device.source)
        gone = [pair for asset_id, pairs in left.items() for pair in links[asset_id] if pair not in pairs]
        twins = unlink_links(work, engine, record.device_id, left, answers, stamp)
        return Applied(bool(left), {"measureSlots": slots_shown(gone)}, twins)

    async def tell(self, record: UnlinkRecord, applied: Applied, twins: Sequence[Document]) -> None:
        """See `BulkAction.tell`: once for each asset."""
        device, *assets = twins
        for asset in assets:
            await self.events.after("unlink-asset", device, asset, self.call)


async def ask_unlinks(
    action: BulkAction[Any], engine: str, device: Document, left: Mapping[str, Pairs], view: View, answered: Answers
) -> dict[Hashable, Patches]:
    """Run the `before` pipes of unlinking for each asset of `left`: asset id -> the pairs that stay."""
    answers: dict[Hashable, Patches] = {}
    for asset_id, pairs in left.items():
        asset = view.documents.get(asset_key(engine, asset_id))
        if asset_id not in answered:
            answers[asset_id] = (
                await action.events.before("unlink-asset", device, asset, pairs, action.call) if asset else NO_PATCHES
            )
    return answers


def unlink_links(
    work: Workspace, engine: str, device_id: str, left: dict[str, Pairs], answers: Answers | None, stamp: Stamp
) -> tuple[Key, ...]:
    """Leave only the pairs of `left` in each link that it names; returns the keys of the device and the assets.

    Raises:
        ApiError: what the mapping refuses of the patches.
        NotAsked: `answers` lack an asset.
    """
    patches = {asset_id: answer_of(answers, asset_id, NO_PATCHES) for asset_id in left}
    for asset_id, pairs in left.items():
        unlink(work, engine, device_id, asset_id, pairs, stamp, patches[asset_id])
    return (device_key(engine, device_id), *(asset_key(engine, asset_id) for asset_id in left))


def slots_shown(pairs: Iterable[Any]) -> list[Source]:
    """Slot pairs as the wire has them."""
    return [{"asset": pair.asset, "device": pair.device} for pair in pairs]


def _left(device: Document, engine: str, record: UnlinkRecord, view: View) -> dict[str, Pairs]:
    """The pairs that stay of each link that the record takes something from: asset id -> pairs, in link order.

    Raises:
        ApiError: an asset that does not exist, a slot that its twin does not have.
    """
    links = device_links(device.source)
    if record.asset_id:
        if record.asset_id not in links:
            view.asset(engine, record.asset_id)
        links = {record.asset_id: links.get(record.asset_id, ())}
    for slot in record.slots:
        _check_slot(slot, device, view.documents.get(asset_key(engine, record.asset_id)))
    left: dict[str, Pairs] = {}
    for asset_id, pairs in links.items():
        staying = tuple(pair for pair in pairs if record.slots and not any(_names(slot, pair) for slot in record.slots))
        if len(staying) < len(pairs) or (not record.slots and asset_id in device_links(device.source)):
            left[asset_id] = staying
    return left


def _names(slot: UnlinkSlot, pair: Any) -> bool:
    return slot.device == pair.device and slot.asset in ("", pair.asset)


def _check_slot(slot: UnlinkSlot, device: Document, asset: Document | None) -> None:
    if slot.device not in slot_types(device.source):
        model = device.source.get("model")
        raise api_error("device_manager.links.undeclared_device_slot", slot.device, model)
    if slot.asset and asset is not None and slot.asset not in slot_types(asset.source):
        raise api_error("device_manager.links.unknown_asset_slot", slot.asset, asset.id)
