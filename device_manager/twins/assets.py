"""Creating assets (device-manager 2.2)."""

from __future__ import annotations

from device_manager.storage.contract import Document, Store, Transaction
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import (
    Source,
    asset_metadata,
    history_entry,
    leaf_paths,
    metadata_event,
    new_asset,
    stamp_now,
)
from device_manager.twins.listeners import TwinEvents
from device_manager.twins.places import ASSETS, HISTORY, twin_id


class Assets:
    """Creates assets in engines."""

    def __init__(self, store: Store, catalogue: Catalogue, events: TwinEvents) -> None:
        self._store = store
        self._catalogue = catalogue
        self._events = events

    async def create(self, engine: str, model_name: str, reference: str, metadata: Source, call: Call) -> Document:
        """Create an asset with its first history entry.

        A model that changes meanwhile is harmless: writing a model brings the twins that it finds up to date, and an
        engine that is being deleted takes the asset along.

        Raises:
            ApiError: an unknown engine, `device_manager.models.unknown_asset`,
                `services.storage.document_already_exists`, what the mapping refuses, and what a pipe raised.
        """
        config = await self._catalogue.engine(engine)
        model = self._catalogue.models.asset(model_name, config.group)
        id = twin_id(model_name, reference)
        filled = asset_metadata(model.metadata_mappings, model.default_metadata, metadata)
        locales = model.content.get("locales") or {}
        planned = new_asset(model_name, reference, model.measures, filled, locales, stamp_now(call.user_id))
        source = await self._events.before_write({"_id": id, "_source": planned}, call)

        def decide(tx: Transaction) -> Document:
            asset = tx.create(engine, ASSETS, source, id)
            event = metadata_event(list(leaf_paths(source["metadata"])))
            tx.create(engine, HISTORY, history_entry(id, source, event))
            return asset

        asset = await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh)
        if not call.dry_run:
            await self._events.after_write(asset, call)
        return asset
