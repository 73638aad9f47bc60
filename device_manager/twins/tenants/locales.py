"""Bringing the locales of an asset model to its assets in all engines (device-manager 2.2, updateModelLocales)."""

from __future__ import annotations

import asyncio

from device_manager.errors import ApiError, api_error
from device_manager.query.tree import Term
from device_manager.storage.contract import Document, Store, Transaction
from device_manager.storage.sources import patched
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import Source, changed, stamp_now
from device_manager.twins.places import ASSETS, asset_key

BATCH = 500
"""Assets of one transaction."""
ENGINES_AT_ONCE = 8
UNEXPECTED = 500


class ModelLocales:
    """Copies the locales of asset models into assets."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue

    async def update(self, model: str, call: Call) -> list[Source]:
        """Merge the locales of a model into the `modelLocales` of all its assets; it may be repeated.

        Returns:
            `{engineIndex, result: {errors, successes}}` of every engine that the caller may use, by engine.

        Raises:
            ApiError: `device_manager.tenants.unknown_asset_model`; `all_failed`, or `some_failed` (206), each with the
                result in `errors`; a store that fails.
        """
        await self._catalogue.ensure()
        found = self._locales(model, call)
        if found is None:
            raise api_error("device_manager.tenants.unknown_asset_model", model)
        gate = asyncio.Semaphore(ENGINES_AT_ONCE)

        async def one(engine: str, locales: Source) -> Source:
            async with gate:
                return {"engineIndex": engine, "result": await self._update_engine(engine, model, locales, call)}

        results = list(await asyncio.gather(*(one(engine, locales) for engine, locales in sorted(found.items()))))
        refused = [error for result in results for error in result["result"]["errors"]]
        if refused:
            is_partial = any(result["result"]["successes"] for result in results)
            kind = "some_failed" if is_partial else "all_failed"
            raise api_error(f"device_manager.tenants.{kind}", errors=refused, results=results)
        return results

    def _locales(self, name: str, call: Call) -> dict[str, Source] | None:
        """Engine -> the locales that the model has there; None when no engine group has such a model."""
        models = self._catalogue.models
        if not any(model.name == name for model in models.of_kind("asset")):
            return None
        engines = [engine for engine in self._catalogue.engines.values() if not engine.closing]
        return {
            engine.index: model.content.get("locales") or {}
            for engine in engines
            if call.may_use(engine.index) and (model := models.find("asset", name, engine.group)) is not None
        }

    async def _update_engine(self, engine: str, model: str, locales: Source, call: Call) -> Source:
        result: Source = {"errors": [], "successes": []}
        await self._store.refresh(engine, ASSETS)
        async for page in self._store.scan(engine, ASSETS, Term("model", model), page=BATCH):
            ids = [asset.id for asset in page]
            try:
                updated = await self._update_page(engine, ids, locales, call)
            except ApiError as error:
                if error.status >= UNEXPECTED:
                    raise
                result["errors"] += [
                    {"_id": id, "engineIndex": engine, "reason": error.message, "status": error.status} for id in ids
                ]
            else:
                result["successes"] += [
                    {"_id": asset.id, "_source": asset.source, "_version": asset.version, "status": 200}
                    for asset in updated
                ]
        return result

    async def _update_page(self, engine: str, ids: list[str], locales: Source, call: Call) -> list[Document]:
        keys = [asset_key(engine, id) for id in ids]

        def decide(tx: Transaction) -> list[Document]:
            stamp = stamp_now(call.user_id)
            updated = []
            for key, asset in tx.read(keys).items():
                wanted = patched(asset.source.get("modelLocales"), locales)
                if wanted != asset.source.get("modelLocales"):
                    asset = tx.replace(key, changed(asset.source | {"modelLocales": wanted}, stamp))
                updated.append(asset)
            return updated

        return await self._store.transact(decide, dry_run=call.dry_run, refresh=call.refresh, large=True)
