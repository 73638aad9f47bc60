"""Creating, changing and deleting assets (device-manager 2.2): each action one transaction with its pipes around it."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import Any

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Store
from device_manager.storage.steps import step
from device_manager.twins.asking import Answers, answer_of, transact_asking
from device_manager.twins.asset_steps import (
    AssetDeletion,
    asset_deletion_keys,
    asset_keys,
    create_asset,
    delete_asset,
    linked_devices,
    plan_asset,
    update_asset,
)
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import Source, stamp_now
from device_manager.twins.listeners import NO_PATCHES, TwinEvents
from device_manager.twins.metadata import MetadataChange, WrittenTwin
from device_manager.twins.models import Model
from device_manager.twins.places import Places, asset_key, device_key, twin_id
from device_manager.twins.workspace import View, Workspace

CREATE, CHANGE, DELETE = ("create",), ("change",), ("delete",)
"""Questions to the pipes; those about links are the ids of devices."""


class Assets:
    """The assets of engines."""

    def __init__(self, store: Store, catalogue: Catalogue, events: TwinEvents, places: Places) -> None:
        self._store = store
        self._catalogue = catalogue
        self._events = events
        self._places = places

    async def create(self, engine: str, model_name: str, reference: str, metadata: Source, call: Call) -> Document:
        """Create an asset with its first history entry.

        An engine that is being deleted takes the asset along.

        Raises:
            ApiError: an unknown engine, `device_manager.models.unknown_asset` or `closing`,
                `services.storage.document_already_exists`, what the mapping refuses, and what a pipe raised.
        """
        asset = await self._commit_create(engine, model_name, reference, metadata, call)
        if not call.dry_run:
            await self._events.after_write(asset, call)
        return asset

    @step
    async def _commit_create(
        self, engine: str, model_name: str, reference: str, metadata: Source, call: Call
    ) -> Document:
        model = await self._model(engine, model_name)
        source = await self._planned(model, reference, metadata, call)
        id = twin_id(model_name, reference)

        def decide(work: Workspace, answers: Answers | None) -> Document:
            work.load((*asset_keys(engine, id), self._places.model(model.id)))
            return create_asset(work, engine, id, source, model)

        return await transact_asking(self._store, self._places, decide, None, id, call)

    async def _model(self, engine: str, name: str) -> Model:
        config = await self._catalogue.engine(engine)
        return self._catalogue.models.asset(name, config.group)

    async def _planned(self, model: Model, reference: str, metadata: Source, call: Call) -> Source:
        """A new asset as the pipes want it."""
        planned = plan_asset(model, reference, metadata, stamp_now(call.user_id))
        return await self._events.before_write({"_id": twin_id(model.name, reference), "_source": planned}, call)

    async def update(self, engine: str, asset_id: str, metadata: Source, call: Call) -> Document:
        """Merge `metadata` into that of an asset, deeply; null is a value that empties a field.

        Raises:
            ApiError: an unknown engine, `services.storage.not_found`, what the mapping refuses, and what a pipe raised.
        """
        return await self._change(engine, asset_id, MetadataChange(metadata), call)

    async def replace_metadata(self, engine: str, asset_id: str, metadata: Source, call: Call) -> Document:
        """Give top-level members of an asset's metadata new values as a whole; the others stay.

        Members that neither the asset nor its model has are left out.

        Raises:
            ApiError: what `update` raises; `device_manager.models.unknown_asset` when there are members that only the
                model could know, and it is gone.
        """
        return await self._change(engine, asset_id, MetadataChange(metadata, whole=True), call)

    async def _change(self, engine: str, asset_id: str, change: MetadataChange, call: Call) -> Document:
        written = await self._commit_change(engine, asset_id, change, call)
        if not call.dry_run and written.metadata is not None:
            await self._events.after_change("asset", written.document, written.metadata, call, whole=change.whole)
        return written.document

    @step
    async def _commit_change(self, engine: str, asset_id: str, wanted: MetadataChange, call: Call) -> WrittenTwin:
        group = (await self._catalogue.engine(engine)).group

        def default(view: View) -> MetadataChange:
            return self._with_allowed(wanted, view.asset(engine, asset_id).source, group)

        async def ask(view: View, answered: Answers) -> Answers:
            source = view.asset(engine, asset_id).source
            return {CHANGE: await self._events.before_change("asset", asset_id, source, default(view), call)}

        def decide(work: Workspace, answers: Answers | None) -> WrittenTwin:
            work.load((asset_key(engine, asset_id),))
            change: MetadataChange = answer_of(answers, CHANGE, default(work))
            asset = update_asset(work, engine, asset_id, change, stamp_now(call.user_id))
            return WrittenTwin(asset, False, change.given)

        asking = ask if self._events.listens_before_change("asset", whole=wanted.whole) else None
        return await transact_asking(self._store, self._places, decide, asking, asset_id, call)

    def _with_allowed(self, change: MetadataChange, asset: Source, group: str) -> MetadataChange:
        """`change`, which may add what the asset's model knows."""
        if not change.whole or change.given.keys() <= (asset.get("metadata") or {}).keys():
            return change
        model = self._catalogue.models.asset(asset["model"], group)
        return change._replace(allowed=frozenset(model.metadata_mappings))

    async def upsert(self, engine: str, model_name: str, reference: str, metadata: Source, call: Call) -> Document:
        """Create an asset, or merge `metadata` into that of the one that exists.

        Raises:
            ApiError: what `create` and `update` raise.
        """
        written = await self._commit_upsert(engine, model_name, reference, metadata, call)
        if not call.dry_run and written.metadata is None:
            await self._events.after_write(written.document, call)
        elif not call.dry_run and written.metadata is not None:
            await self._events.after_change("asset", written.document, written.metadata, call)
        return written.document

    @step
    async def _commit_upsert(
        self, engine: str, model_name: str, reference: str, metadata: Source, call: Call
    ) -> WrittenTwin:
        group = (await self._catalogue.engine(engine)).group
        id = twin_id(model_name, reference)
        key = asset_key(engine, id)
        wanted = MetadataChange(metadata)

        async def ask(view: View, answered: Answers) -> Answers:
            if key not in view.documents:
                model = await self._model(engine, model_name)
                return {CREATE: (model, await self._planned(model, reference, metadata, call))}
            return {CHANGE: await self._events.before_change("asset", id, view.get(key).source, wanted, call)}

        def decide(work: Workspace, answers: Answers | None) -> WrittenTwin:
            known = self._catalogue.models.find("asset", model_name, group)
            work.load((*asset_keys(engine, id), *([self._places.model(known.id)] if known else ())))
            stamp = stamp_now(call.user_id)
            if key in work.documents:
                change: MetadataChange = answer_of(answers, CHANGE, wanted)
                return WrittenTwin(update_asset(work, engine, id, change, stamp), False, change.given)
            model = self._catalogue.models.asset(model_name, group)
            default = (model, plan_asset(model, reference, metadata, stamp))
            model, source = answer_of(answers, CREATE, default)
            return WrittenTwin(create_asset(work, engine, id, source, model), True, None)

        listens = self._events.listens_before_change("asset", whole=False) or self._events.documents.listens_before(
            "Write"
        )
        return await transact_asking(self._store, self._places, decide, ask if listens else None, id, call)

    async def delete(self, engine: str, asset_id: str, call: Call, *, strict: bool = False) -> None:
        """Unlink an asset from all devices and delete it; measures and history stay, and history tells of its end.

        Args:
            engine: where the asset is.
            asset_id: the asset.
            call: the caller.
            strict: refuse when the asset is linked.

        Raises:
            ApiError: an unknown engine, `services.storage.not_found`, `device_manager.assets.still_linked`, and what a
                pipe raised.
        """
        deletion = await self._commit_delete(engine, asset_id, call, strict)
        if not call.dry_run:
            tell = partial(self._events.after, "unlink-asset")
            await self._events.tell_all(
                [
                    *(partial(tell, outcome.device, outcome.asset, call) for outcome in deletion.unlinked),
                    partial(self._events.after_delete, asset_id, call),
                ]
            )

    @step
    async def _commit_delete(self, engine: str, asset_id: str, call: Call, strict: bool) -> AssetDeletion:
        await self._catalogue.engine(engine)

        async def ask(view: View, answered: Answers) -> Answers:
            return await self._ask_deletion(engine, asset_id, view, answered, call)

        def decide(work: Workspace, answers: Answers | None) -> AssetDeletion:
            work.load((asset_key(engine, asset_id),))
            devices = linked_devices(work, engine, asset_id)
            if strict and devices:
                raise api_error("device_manager.assets.still_linked", asset_id)
            work.load(asset_deletion_keys(work, engine, asset_id))
            present = [device for device in devices if device_key(engine, device) in work.documents]
            patches = {device: answer_of(answers, device, NO_PATCHES) for device in present}
            answer_of(answers, DELETE, None)
            return delete_asset(work, engine, asset_id, stamp_now(call.user_id), patches=patches)

        listens = self._events.listens_before("unlink-asset") or self._events.documents.listens_before("Delete")
        return await transact_asking(self._store, self._places, decide, ask if listens else None, asset_id, call)

    async def _ask_deletion(self, engine: str, asset_id: str, view: View, answered: Answers, call: Call) -> Answers:
        """One question for each link that goes, then one about the asset."""
        asset = view.asset(engine, asset_id)
        answers: dict[Hashable, Any] = {}
        for device_id in linked_devices(view, engine, asset_id):
            device = view.documents.get(device_key(engine, device_id))
            if device is not None and device_id not in answered:
                answers[device_id] = await self._events.before("unlink-asset", device, asset, (), call)
        if DELETE not in answered:
            await self._events.before_delete(asset_id, call)
        return {**answers, DELETE: None}
