"""Devices that leave their engine, detached or deleted, and their links with them (device-manager 2.3, 4.6)."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import Any, NamedTuple

from device_manager.storage.contract import Store
from device_manager.storage.steps import step
from device_manager.twins.asking import Answers, answer_of, transact_asking
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.device_steps import (
    DeviceRemoval,
    delete_device,
    detach_device,
    linked_assets,
    removal_keys,
)
from device_manager.twins.documents import stamp_now
from device_manager.twins.listeners import NO_PATCHES, TwinEvents
from device_manager.twins.places import Places, asset_key, device_key
from device_manager.twins.workspace import View, Workspace

DETACH, DELETE = ("detach",), ("delete",)
"""Questions to the pipes; those about links are the ids of assets."""


class Removed(NamedTuple):
    """A device that left: the engine that it was in, None for one that was free, and what went with it."""

    engine: str | None
    removal: DeviceRemoval


class Detaching:
    """Takes devices out of their engines, or off the platform."""

    def __init__(self, store: Store, catalogue: Catalogue, events: TwinEvents, places: Places) -> None:
        self._store = store
        self._catalogue = catalogue
        self._events = events
        self._places = places

    async def detach(self, engine: str | None, device_id: str, call: Call) -> None:
        """Unlink a device from all assets and take it out of its engine; the platform keeps its record.

        Args:
            engine: where the caller believes it to be; None for wherever it is.
            device_id: the device.
            call: the caller.

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.not_attached` or `attached_elsewhere`, and
                what a pipe raised.
        """
        removed = await self._commit(engine, device_id, call, deletes=False)
        await self._tell(device_id, removed, call, deletes=False)

    async def delete(self, engine: str, device_id: str, call: Call) -> None:
        """Unlink a device from all assets, then delete it from its engine and from the platform; its measures stay.

        With the platform index it goes from wherever it is.

        Raises:
            ApiError: an unknown engine, `services.storage.not_found`, and what a pipe raised.
        """
        if engine != self._places.platform:
            await self._catalogue.engine(engine)
        removed = await self._commit(engine, device_id, call, deletes=True)
        await self._tell(device_id, removed, call, deletes=True)

    @step
    async def _commit(self, engine: str | None, device_id: str, call: Call, *, deletes: bool) -> Removed:
        await self._catalogue.ensure()
        record = self._places.provisioning(device_id)
        first = [record] if self._is_open(engine) else [record, device_key(str(engine), device_id)]

        async def ask(view: View, answered: Answers) -> Answers:
            own = self._engine(view, engine, device_id, deletes=deletes)
            links = await self._ask_unlinks(own, device_id, view, answered, call) if own else {}
            if own and DETACH not in answered:
                device = view.documents.get(device_key(own, device_id)) or view.get(record)
                await self._events.before_detach(own, device, call)
            if deletes and DELETE not in answered:
                await self._events.before_delete(device_id, call)
            return {**links, DETACH: None, DELETE: None}

        def decide(work: Workspace, answers: Answers | None) -> Removed:
            work.load(first)
            own = self._engine(work, engine, device_id, deletes=deletes)
            if own is None:
                answer_of(answers, DELETE, None)
                work.delete(record)
                return Removed(None, DeviceRemoval(None, []))
            work.load((device_key(own, device_id),))
            work.load(removal_keys(work, own, device_id))
            patches = {
                asset_id: answer_of(answers, asset_id, NO_PATCHES) for asset_id in _present(work, own, device_id)
            }
            answer_of(answers, DETACH, None)
            remove = delete_device if deletes else detach_device
            return Removed(own, remove(work, own, device_id, stamp_now(call.user_id), patches))

        asking = ask if self._listens(deletes=deletes) else None
        return await transact_asking(self._store, self._places, decide, asking, device_id, call)

    def _is_open(self, engine: str | None) -> bool:
        """Whether it takes the platform's record to know where the device is."""
        return engine is None or engine not in self._catalogue.engines

    def _engine(self, view: View, engine: str | None, device_id: str, *, deletes: bool) -> str | None:
        """The engine that the device leaves; None for a free one that is deleted."""
        if not deletes:
            return view.attachment(device_id, engine)
        if engine != self._places.platform:
            return engine
        own: str | None = view.provisioning(device_id).source.get("engineId")
        return own

    def _listens(self, *, deletes: bool) -> bool:
        events = self._events
        return (
            events.listens_before("unlink-asset")
            or events.listens("device-manager:device:detach-engine:before")
            or (deletes and events.documents.listens_before("Delete"))
        )

    async def _ask_unlinks(
        self, engine: str, device_id: str, view: View, answered: Answers, call: Call
    ) -> dict[Hashable, Any]:
        answers: dict[Hashable, Any] = {}
        for asset_id in _present(view, engine, device_id):
            if asset_id not in answered:
                device = view.get(device_key(engine, device_id))
                asset = view.asset(engine, asset_id)
                answers[asset_id] = await self._events.before("unlink-asset", device, asset, (), call)
        return answers

    async def _tell(self, device_id: str, removed: Removed, call: Call, *, deletes: bool) -> None:
        """Run the `after` pipes: of the links, of the attachment, of the device."""
        if call.dry_run:
            return
        engine, (device, unlinked) = removed
        tell = partial(self._events.after, "unlink-asset")
        runs = [partial(tell, outcome.device, outcome.asset, call) for outcome in unlinked]
        if engine is not None and device is not None:
            runs.append(partial(self._events.after_detach, engine, device, call))
        if deletes:
            runs.append(partial(self._events.after_delete, device_id, call))
        await self._events.tell_all(runs)


def _present(view: View, engine: str, device_id: str) -> list[str]:
    """The assets that a device is linked to, without those that do not exist."""
    linked = linked_assets(view, engine, device_id)
    return [asset_id for asset_id in linked if asset_key(engine, asset_id) in view.documents]
