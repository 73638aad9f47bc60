"""Linking and unlinking (device-manager 4.2): each operation one transaction with its pipes around it (design 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Key, Store
from device_manager.storage.steps import step
from device_manager.twins.asking import Answers, answer_of, transact_asking
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import stamp_now
from device_manager.twins.links import Pairs, UnlinkSelection, WantedLink, WantedUnlink, plan_unlink, try_link
from device_manager.twins.listeners import NO_PATCHES, LinkEvent, Patches, TwinEvents
from device_manager.twins.places import Places, asset_key, device_key
from device_manager.twins.relinking import LinkEntry, LinkOutcome, link, settled, unlink
from device_manager.twins.workspace import View, Workspace

Couple = tuple[str, str]
"""Device id and asset id."""


class Linked(NamedTuple):
    """What an operation leaves behind.

    Attributes:
        device: of `linkAssets` and `unlinkAssets`, the device; else None.
        asset: of `linkDevices` and `unlinkDevices`, the asset; else None.
        others: the twins on the other side, in the order of the result.
    """

    device: Document | None
    asset: Document | None
    others: list[Document]


Unlinked = tuple[list[LinkOutcome], list[Document]]
"""What became of the links, and the twins to show."""

Choose = Callable[[View], list[tuple[str, UnlinkSelection]]]
"""From the documents that a request names: devices and what each is unlinked from."""


class Linking:
    """Changes links between devices and assets of one engine.

    Args:
        store: where the twins are.
        catalogue: knows the engines.
        events: runs the pipes.
        places: where documents live.
        limit: most entries of one call.
    """

    def __init__(self, store: Store, catalogue: Catalogue, events: TwinEvents, places: Places, limit: int) -> None:
        self._store = store
        self._catalogue = catalogue
        self._events = events
        self._places = places
        self._limit = limit

    async def link_assets(
        self, engine: str, device_id: str, wanted: Sequence[tuple[str, WantedLink]], call: Call
    ) -> Linked:
        """Link one device to assets: `(asset id, what is wanted)`, all or none.

        Raises:
            ApiError: an unknown engine, device or asset, a device that is not attached to the engine, a
                `device_manager.links.*` refusal, or what a pipe raised.
        """
        outcomes = await self._link([LinkEntry(engine, device_id, asset, want) for asset, want in wanted], call)
        return Linked(outcomes[-1].device, None, [outcome.asset for outcome in outcomes if outcome.asset])

    async def link_devices(
        self, engine: str, asset_id: str, wanted: Sequence[tuple[str, WantedLink]], call: Call
    ) -> Linked:
        """Link one asset to devices: `(device id, what is wanted)`, all or none. Raises what `link_assets` raises."""
        outcomes = await self._link([LinkEntry(engine, device, asset_id, want) for device, want in wanted], call)
        return Linked(None, outcomes[-1].asset, [outcome.device for outcome in outcomes])

    async def _link(self, entries: list[LinkEntry], call: Call) -> list[LinkOutcome]:
        if not entries:
            raise api_error("device_manager.links.no_entry")
        self._check_count(len(entries))
        for entry in entries:
            if not entry.wanted.pairs and not entry.wanted.implicit:
                raise api_error("device_manager.links.no_slot_to_link")
        outcomes = await self._commit_links(entries, call)
        await self._tell("link-asset", outcomes, call)
        return outcomes

    @step
    async def _commit_links(self, entries: list[LinkEntry], call: Call) -> list[LinkOutcome]:
        await self._catalogue.engine(entries[0].engine)
        keys = self._keys(entries)

        async def ask(view: View, answered: Answers) -> Answers:
            return {place: await self._ask(entry, view, call) for place, entry in enumerate(entries)}

        def decide(work: Workspace, answers: Answers | None) -> list[LinkOutcome]:
            work.load(keys)
            stamp = stamp_now(call.user_id)
            return settled(
                [link(work, entry, stamp, answer_of(answers, place, NO_PATCHES)) for place, entry in enumerate(entries)]
            )

        asking = ask if self._events.listens_before("link-asset") else None
        return await transact_asking(self._store, self._places, decide, asking, entries[0].device_id, call)

    def _check_count(self, entries: int) -> None:
        if entries > self._limit:
            raise api_error("services.storage.write_limit_exceeded")

    def _keys(self, entries: Sequence[LinkEntry]) -> list[Key]:
        keys: dict[Key, None] = {}
        for entry in entries:
            keys[self._places.provisioning(entry.device_id)] = None
            keys[device_key(entry.engine, entry.device_id)] = None
            keys[asset_key(entry.engine, entry.asset_id)] = None
        return list(keys)

    async def _ask(self, entry: LinkEntry, view: View, call: Call) -> Patches:
        """Run the `before` pipes of one entry on the twins as stored."""
        device = view.attached_device(entry.engine, entry.device_id)
        asset = view.asset(entry.engine, entry.asset_id)
        return await self._events.before("link-asset", device, asset, try_link(device, asset, entry.wanted), call)

    async def unlink_assets(self, engine: str, device_id: str, selection: UnlinkSelection, call: Call) -> Linked:
        """Remove links of one device; the result's assets stand in link order.

        Raises:
            ApiError: an unknown engine or device, a device that is not attached to the engine, a
                `device_manager.links.*` refusal, or what a pipe raised.
        """
        if not any(selection):
            raise api_error("device_manager.links.nothing_to_unlink")
        self._check_count(sum(len(named) for named in selection[1:]))
        _check_entries(selection.entries)
        named = [entry.asset_id for entry in selection.entries] + list(selection.assets)
        predictable = not selection.all_measures and not selection.device_slots
        keys = [self._places.provisioning(device_id), device_key(engine, device_id)]
        if predictable:
            keys += [asset_key(engine, asset_id) for asset_id in dict.fromkeys(named)]

        shown = [device_key(engine, device_id)]
        outcomes, (device,) = await self._unlink(engine, keys, lambda _: [(device_id, selection)], shown, call)
        return Linked(device, None, [last.asset for last in outcomes if last.asset])

    async def unlink_devices(
        self, engine: str, asset_id: str, wanted: Sequence[tuple[str, WantedUnlink]], call: Call
    ) -> Linked:
        """Remove links of one asset: `(device id, what goes)`. Raises what `unlink_assets` raises."""
        if not wanted:
            raise api_error("device_manager.links.no_slot_to_unlink")
        self._check_count(len(wanted))
        _check_entries([entry for _, entry in wanted])
        entries: dict[str, tuple[WantedUnlink, ...]] = {}
        for device_id, entry in wanted:
            entries[device_id] = (*entries.get(device_id, ()), entry)
        keys = [asset_key(engine, asset_id)]
        for device_id in entries:
            keys += [self._places.provisioning(device_id), device_key(engine, device_id)]

        def choose(view: View) -> list[tuple[str, UnlinkSelection]]:
            view.asset(engine, asset_id)
            return [(device_id, UnlinkSelection(entries=of_device)) for device_id, of_device in entries.items()]

        shown = [asset_key(engine, asset_id), *(device_key(engine, device_id) for device_id, _ in wanted)]
        _, (asset, *devices) = await self._unlink(engine, keys, choose, shown, call)
        return Linked(None, asset, devices)

    async def _unlink(
        self, engine: str, keys: Sequence[Key], choose: Choose, shown: Sequence[Key], call: Call
    ) -> Unlinked:
        """Unlink in one transaction and tell of it."""
        unlinked = await self._commit_unlinks(engine, keys, choose, shown, call)
        await self._tell("unlink-asset", unlinked[0], call)
        return unlinked

    @step
    async def _commit_unlinks(
        self, engine: str, keys: Sequence[Key], choose: Choose, shown: Sequence[Key], call: Call
    ) -> Unlinked:
        """Unlink in one transaction; `before` pipes run first for the links that it is going to meet."""
        await self._catalogue.engine(engine)

        def plan(view: View) -> dict[Couple, Pairs]:
            """The pairs that stay of each link that loses some."""
            return {
                (device_id, asset_id): pairs
                for device_id, selection in choose(view)
                for asset_id, pairs in plan_unlink(view.attached_device(engine, device_id), selection).items()
            }

        async def ask(view: View, answered: Answers) -> Answers:
            return {
                couple: await self._ask_unlink(engine, couple, pairs, view, call)
                for couple, pairs in plan(view).items()
                if couple not in answered
            }

        def decide(work: Workspace, answers: Answers | None) -> Unlinked:
            work.load(keys)
            left = plan(work)
            work.load(asset_key(engine, asset_id) for _, asset_id in left)
            patches = {couple: answer_of(answers, couple, NO_PATCHES) for couple in left}
            stamp = stamp_now(call.user_id)
            outcomes = [unlink(work, engine, *couple, left[couple], stamp, patches[couple]) for couple in left]
            return settled(outcomes), [work.get(key) for key in shown]

        asking = ask if self._events.listens_before("unlink-asset") else None
        return await transact_asking(self._store, self._places, decide, asking, shown[0].id, call)

    async def _ask_unlink(self, engine: str, couple: Couple, left: Pairs, view: View, call: Call) -> Patches:
        device_id, asset_id = couple
        asset = view.documents.get(asset_key(engine, asset_id))
        if asset is None:
            return NO_PATCHES
        device = view.get(device_key(engine, device_id))
        return await self._events.before("unlink-asset", device, asset, left, call)

    async def _tell(self, event: LinkEvent, outcomes: Sequence[LinkOutcome], call: Call) -> None:
        """Run the `after` pipes of what changed."""
        if not call.dry_run and self._events.listens_after(event):
            await self._events.tell_all(
                partial(self._events.after, event, outcome.device, outcome.asset, call)
                for outcome in outcomes
                if outcome.changed
            )


def _check_entries(entries: Sequence[WantedUnlink]) -> None:
    for entry in entries:
        if not entry.all_measures and not entry.pairs:
            raise api_error("device_manager.links.no_slot_to_unlink")
