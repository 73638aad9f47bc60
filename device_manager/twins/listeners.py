"""The events around twins: what listeners get, what they may change, when they run (design 5, device-manager 0.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from device_manager.errors import ApiError, api_error
from device_manager.events.bus import Check, EventBus
from device_manager.events.documents import DocumentEvents, fresh
from device_manager.storage.contract import Document
from device_manager.twins.call import Call
from device_manager.twins.documents import Source, twin_result
from device_manager.twins.links import Pairs, with_asset_link, with_device_link
from device_manager.twins.metadata import MetadataChange
from device_manager.twins.patches import CHANGEABLE, Patch, difference, forbidden_change

LinkEvent = Literal["link-asset", "unlink-asset"]
TwinKind = Literal["asset", "device"]

T = TypeVar("T")
U = TypeVar("U")


class Patches(NamedTuple):
    """What `before` pipes want to have changed in the metadata of the two twins of a link."""

    device: Patch
    asset: Patch


NO_PATCHES = Patches({}, {})


class TwinEvents:
    """Runs the pipes of the domain's events.

    Args:
        bus: the listeners.
        concurrency: records of one bulk call whose pipes run at once.

    Attributes:
        documents: the generic events of the documents that twins are.
    """

    def __init__(self, bus: EventBus, concurrency: int) -> None:
        self._bus = bus
        self.documents = DocumentEvents(bus)
        self._concurrency = concurrency

    def listens(self, event: str) -> bool:
        """Whether anything listens to `event`."""
        return self._bus.listens(event)

    def listens_before(self, event: LinkEvent) -> bool:
        """Whether anything listens before links are made or go."""
        return self._bus.listens(f"device-manager:device:{event}:before") or self.documents.listens_before("Update")

    def listens_after(self, event: LinkEvent) -> bool:
        """Whether anything listens after links were made or went."""
        return self._bus.listens(f"device-manager:device:{event}:after") or self.documents.listens_after("Update")

    async def before(
        self, event: LinkEvent, device: Document, asset: Document, planned: Pairs | None, call: Call
    ) -> Patches:
        """Run the pipes before a link changes, on copies of the twins as stored; then the generic ones.

        Args:
            event: what is about to happen.
            device: as stored.
            asset: as stored.
            planned: the slot pairs that the link is going to hold, None when the change is going to be refused.
            call: the caller.

        Raises:
            ApiError: what a pipe raised; `plugin.runtime.forbidden_change` when one changed more than metadata.
        """
        patches = await self._before_link(event, device, asset, call)
        if planned is None or not self.documents.listens_before("Update"):
            return patches
        more = await self._before_update(
            (device.id, with_device_link(device.source, asset.id, planned)),
            (asset.id, with_asset_link(asset.source, device.id, planned)),
            call,
        )
        return Patches({**patches.device, **more.device}, {**patches.asset, **more.asset})

    async def _before_update(self, device: tuple[str, Source], asset: tuple[str, Source], call: Call) -> Patches:
        """The generic pipe gets what is about to be written of the two twins; metadata that it adds is merged in."""
        partial = [
            {"_id": id, "_source": {"linkedMeasures": source["linkedMeasures"]}} for id, source in (device, asset)
        ]

        def check(owner: str, payload: Any) -> None:
            left = payload if isinstance(payload, list) and len(payload) == len(partial) else [None, None]
            for before, after in zip(partial, left, strict=True):
                if member := forbidden_change(before, after):
                    raise api_error("plugin.runtime.forbidden_change", owner, CHANGEABLE, f"{before['_id']}.{member}")

        left = await self.documents.before("Update", partial, call.request, check=check)
        return Patches(*(difference({}, item["_source"].get(CHANGEABLE) or {}) for item in left))

    async def _before_link(self, event: LinkEvent, device: Document, asset: Document, call: Call) -> Patches:
        stored = {"device": twin_result(device), "asset": twin_result(asset)}

        def check(owner: str, payload: Any) -> None:
            for role, document in stored.items():
                left = payload.get(role) if isinstance(payload, dict) else None
                if member := forbidden_change(document, left):
                    raise api_error("plugin.runtime.forbidden_change", owner, CHANGEABLE, f"{role}.{member}")

        name = f"device-manager:device:{event}:before"
        left = await self._bus.pipe(name, fresh(stored), call.request, check=check)
        return Patches(*(_metadata_patch(stored[role], left[role]) for role in ("device", "asset")))

    async def after(self, event: LinkEvent, device: Document, asset: Document | None, call: Call) -> None:
        """Run the pipes after the commit of a link's change.

        Raises:
            ApiError: what a pipe raised, with `committed: true`.
        """
        payload = {"device": twin_result(device), "asset": twin_result(asset) if asset else None}
        await self._after(f"device-manager:device:{event}:after", payload, call)
        documents = [twin_result(twin) for twin in (device, asset) if twin]
        await self.documents.after("Update", documents, call.request)

    def listens_before_attach(self) -> bool:
        """Whether anything listens before devices are attached."""
        return self._bus.listens("device-manager:device:attach-engine:before") or self.documents.listens_before("Write")

    def listens_after_attach(self) -> bool:
        """Whether anything listens after devices were attached."""
        return self._bus.listens("device-manager:device:attach-engine:after") or self.documents.listens_after("Write")

    async def before_attach(self, engine: str, id: str, planned: Source, call: Call) -> Source:
        """Run the pipes before a device is attached, then the generic ones; the device as they want it to be held.

        Args:
            engine: where it gets attached.
            id: the device.
            planned: its content as the engine is about to hold it.
            call: the caller.

        Raises:
            ApiError: what a pipe raised; `plugin.runtime.forbidden_change` when one changed more than metadata.
        """
        name = "device-manager:device:attach-engine:before"
        device = {"_id": id, "_source": planned}
        if self._bus.listens(name):
            payload = {"device": fresh(device), "engineId": engine}
            left = await self._bus.pipe(name, payload, call.request, check=_only_metadata(device, "device"))
            device = {"_id": id, "_source": planned | {CHANGEABLE: left["device"]["_source"][CHANGEABLE]}}
        return await self.before_write(device, call)

    async def after_attach(self, engine: str, device: Document, call: Call) -> None:
        """Run the pipes after a device was attached. Raises what a pipe raised, with `committed: true`."""
        payload = {"device": twin_result(device), "engineId": engine}
        await self._after("device-manager:device:attach-engine:after", payload, call)

    async def before_detach(self, engine: str, device: Document, call: Call) -> None:
        """Run the pipes before a device leaves its engine; there is nothing left of it that they could change.

        Raises:
            ApiError: what a pipe raised; `plugin.runtime.forbidden_change` when one changed more than metadata.
        """
        stored = twin_result(device)
        payload = {"device": fresh(stored), "engineId": engine}
        name = "device-manager:device:detach-engine:before"
        await self._bus.pipe(name, payload, call.request, check=_only_metadata(stored, "device"))

    async def after_detach(self, engine: str, device: Document, call: Call) -> None:
        """Run the pipes after a device left its engine, with what it was there. Raises what `after_attach` raises."""
        payload = {"device": twin_result(device), "engineId": engine}
        await self._after("device-manager:device:detach-engine:after", payload, call)

    def listens_before_change(self, kind: TwinKind, *, whole: bool) -> bool:
        """Whether anything listens before the metadata of a twin changes."""
        generic = self.documents.listens_before("Write" if whole else "Update")
        return generic or self._bus.listens(f"device-manager:{kind}:update:before")

    def listens_after_change(self, kind: TwinKind) -> bool:
        """Whether anything listens after metadata was merged into that of a twin."""
        return self.documents.listens_after("Update") or self._bus.listens(f"device-manager:{kind}:update:after")

    async def before_change(
        self, kind: TwinKind, id: str, source: Source, change: MetadataChange, call: Call
    ) -> MetadataChange:
        """Run the pipes before the metadata of a twin changes, then the generic ones; the change as they want it.

        Pipes get the twin as stored, or with its new metadata when this is given as a whole, beside the metadata of the
        request. What they make of either counts.

        Args:
            kind: what the twin is.
            id: its id.
            source: as stored, or about to be.
            change: what the request wants.
            call: the caller.

        Raises:
            ApiError: what a pipe raised; `plugin.runtime.forbidden_change` when one changed more than metadata.
        """
        shown = {"_id": id, "_source": change.applied(source) if change.whole else source}
        payload = {kind: fresh(shown), "metadata": fresh(change.given)}
        check = _only_metadata(shown, kind)
        left = await self._bus.pipe(f"device-manager:{kind}:update:before", payload, call.request, check=check)
        change = change._replace(given=left.get(CHANGEABLE, change.given), patch=_metadata_patch(shown, left[kind]))
        return await self._before_generic(id, source, change, call)

    async def _before_generic(self, id: str, source: Source, change: MetadataChange, call: Call) -> MetadataChange:
        """A replacement shows the whole document to the generic pipe, an update what is merged into it."""
        kind: Literal["Write", "Update"] = "Write" if change.whole else "Update"
        if not self.documents.listens_before(kind):
            return change
        new = change.applied(source) if change.whole else {CHANGEABLE: change.given}
        document = {"_id": id, "_source": new}

        def check(owner: str, payload: Any) -> None:
            left = payload[0] if isinstance(payload, list) and len(payload) == 1 else None
            if member := forbidden_change(document, left):
                raise api_error("plugin.runtime.forbidden_change", owner, CHANGEABLE, f"{id}.{member}")

        (left,) = await self.documents.before(kind, [document], call.request, check=check)
        if change.whole:
            return change._replace(patch=_joined(change.patch, _metadata_patch(document, left)))
        return change._replace(given=left["_source"].get(CHANGEABLE) or {})

    async def after_change(
        self, kind: TwinKind, twin: Document, metadata: Source, call: Call, *, whole: bool = False
    ) -> None:
        """Run the pipes after the metadata of a twin changed. Raises what a pipe raised, with `committed: true`.

        Args:
            kind: what the twin is.
            twin: as stored.
            metadata: what the request wanted, as the pipes before left it.
            call: the caller.
            whole: each member replaced the stored one.
        """
        payload = {kind: twin_result(twin), "metadata": metadata}
        await self._after(f"device-manager:{kind}:update:after", payload, call)
        await self.documents.after("Write" if whole else "Update", [twin_result(twin)], call.request)

    async def before_delete(self, id: str, call: Call) -> None:
        """Run `generic:document:beforeDelete`. Raises what a pipe raised."""
        await self.documents.before("Delete", [{"_id": id}], call.request)

    async def after_delete(self, id: str, call: Call) -> None:
        """Run `generic:document:afterDelete`. Raises what a pipe raised, with `committed: true`."""
        await self.documents.after("Delete", [{"_id": id}], call.request)

    async def before_write(self, document: Source, call: Call) -> Source:
        """Run `generic:document:beforeWrite` on a document about to be created; returns its source as they left it.

        Raises:
            ApiError: what a pipe raised.
        """
        (left,) = await self.documents.before("Write", [document], call.request)
        source: Source = left["_source"]
        return source

    async def after_write(self, document: Document, call: Call) -> None:
        """Run `generic:document:afterWrite` on a created document. Raises what a pipe raised, `committed: true`."""
        await self.documents.after("Write", [twin_result(document)], call.request)

    async def around(
        self, event: Literal["Get", "Search"], given: T, act: Callable[[T], Awaitable[U]], call: Call
    ) -> U:
        """Read something between `generic:document:before<event>` and `after<event>`; both may change what passes."""
        found: U = await self.documents.after(
            event, await act(await self.documents.before(event, given, call.request)), call.request
        )
        return found

    async def _after(self, event: str, payload: Any, call: Call) -> None:
        await self.documents.tell(event, payload, call.request, committed=True)

    async def tell_all(self, runs: Iterable[Callable[[], Awaitable[None]]]) -> None:
        """Run `after` pipes one after another; the first failure is raised once all of them ran."""
        failure: ApiError | None = None
        for run in runs:
            try:
                await run()
            except ApiError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    async def each(self, run: Callable[[T], Awaitable[U]], items: Sequence[T]) -> list[U | ApiError]:
        """Run something for many records at once, within the bound; refusals stand in the place of results."""
        results: dict[int, U | ApiError] = {}
        waiting = iter(enumerate(items))

        async def work() -> None:
            for place, item in waiting:
                try:
                    results[place] = await run(item)
                except ApiError as error:
                    results[place] = error

        await asyncio.gather(*(work() for _ in range(min(self._concurrency, len(items)))))
        return [results[place] for place in range(len(items))]


def _only_metadata(stored: Source, role: str) -> Check:
    """A check that a pipe changed no more of a twin than its metadata; what else it got is an object or gone."""

    def check(owner: str, payload: Any) -> None:
        left = payload.get(role) if isinstance(payload, dict) else None
        if member := forbidden_change(stored, left):
            raise api_error("plugin.runtime.forbidden_change", owner, CHANGEABLE, f"{role}.{member}")
        if not isinstance(payload.get(CHANGEABLE, {}), dict):
            raise api_error("plugin.runtime.forbidden_change", owner, CHANGEABLE, CHANGEABLE)

    return check


def _joined(first: Patch, second: Patch) -> Patch:
    """One patch that does what `first` does, then what `second` does."""
    joined = dict(first)
    for name, value in second.items():
        known = first.get(name)
        joined[name] = _joined(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return joined


def _metadata_patch(stored: Source, left: Source) -> Patch:
    return difference(stored["_source"].get(CHANGEABLE) or {}, left["_source"].get(CHANGEABLE) or {})
