"""Deleting models that nothing uses (device-manager 2.5).

A measure model is used by other models, the others by twins and groups. Those are found by searching, which no
transaction can do: so a model is marked as closing first, from then on nothing new may use it, and then looked for.
"""

from __future__ import annotations

from typing import Any

from device_manager.errors import ApiError, api_error
from device_manager.query.search import Search, Sort, SourceFilter
from device_manager.query.tree import Term
from device_manager.storage.contract import Document, Store, Transaction
from device_manager.storage.steps import step
from device_manager.twins.call import Call
from device_manager.twins.catalogue import GENERATION, Catalogue, raise_generation
from device_manager.twins.documents import changed, stamp_now
from device_manager.twins.models import Model, read_model
from device_manager.twins.places import ASSETS, DEVICES, GROUPS, MODELS, Places

SHOWN = 10
"""Users of a model that a refusal names; it counts the others."""
USERS = {"asset": ASSETS, "device": DEVICES, "group": GROUPS}


class ModelDeletion:
    """Deletes models."""

    def __init__(self, store: Store, catalogue: Catalogue, places: Places) -> None:
        self._store = store
        self._catalogue = catalogue
        self._places = places

    async def delete(self, id: str, call: Call) -> None:
        """Delete a model that nothing uses.

        An interrupted deletion leaves the model closing; deleting it again, or writing it, ends that.

        Args:
            id: that of its document, or the one that names its engine group.
            call: the caller.

        Raises:
            ApiError: `services.storage.not_found`; `device_manager.models.in_use` (412) with the first ten `users` and
                their `count`.
        """
        closed = read_model(await self._close(id, call))
        if closed is None or closed.kind == "measure":
            return
        try:
            await self._refuse_used(closed)
        except ApiError:
            if not call.dry_run:
                await self._reopen(closed, call)
            raise
        await self._remove(closed, call)

    @step
    async def _close(self, id: str, call: Call) -> Document:
        """Mark the model; one of a measure goes at once, since all that may use it are models."""
        await self._catalogue.look()
        model = self._catalogue.models.meant_by(id)
        if model is None:
            raise api_error("services.storage.not_found", id, self._places.platform, MODELS)
        key = self._places.model(model.id)

        def decide(tx: Transaction) -> Document:
            document = tx.read((key, GENERATION)).get(key)
            stored = read_model(document) if document else None
            if document is None or stored is None:
                raise api_error("services.storage.not_found", id, self._places.platform, MODELS)
            raise_generation(tx)
            if stored.kind == "measure":
                self._refuse_declared(stored)
                tx.delete(key)
                return document
            return tx.replace(key, changed(document.source | {"closing": True}, stamp_now(call.user_id)))

        return await self._store.transact(decide, dry_run=call.dry_run, refresh=True)

    def _refuse_declared(self, measure: Model) -> None:
        """Writing a model that uses the measure raises the generation too: of the two, the later one starts again."""
        users = [
            {"_id": model.id}
            for model in self._catalogue.models
            if model.kind in ("asset", "device") and any(slot["type"] == measure.name for slot in model.measures)
        ]
        if users:
            raise _in_use(measure, "models", users[:SHOWN], len(users))

    async def _refuse_used(self, model: Model) -> None:
        """Look for what uses the model in every place where something may."""
        users: list[dict[str, Any]] = []
        count = 0
        collection = USERS[model.kind]
        search = Search(Term("model", model.name), sort=(Sort("_id"),), size=SHOWN, source=SourceFilter(enabled=False))
        for index in self._places_of(model):
            try:
                await self._store.refresh(index, collection)
                found = await self._store.search(index, collection, search)
            except ApiError as error:
                if not error.is_unknown_place:
                    raise
                continue
            users += [{"index": index, "_id": hit.id} for hit in found.hits]
            count += found.total
        if count:
            raise _in_use(model, collection, users[:SHOWN], count)

    def _places_of(self, model: Model) -> list[str]:
        """The indices in which the model may be used; every device has a record on the platform."""
        if model.kind == "device":
            return [self._places.platform]
        find = self._catalogue.models.find
        return sorted(
            engine.index
            for engine in self._catalogue.engines.values()
            if (found := find(model.kind, model.name, engine.group)) is not None and found.id == model.id
        )

    async def _reopen(self, model: Model, call: Call) -> None:
        key = self._places.model(model.id)

        def decide(tx: Transaction) -> None:
            document = tx.read((key, GENERATION)).get(key)
            if document is not None and document.source.get("closing"):
                source = {name: value for name, value in document.source.items() if name != "closing"}
                tx.replace(key, changed(source, stamp_now(call.user_id)))
                raise_generation(tx)

        await self._store.transact(decide, refresh=True)

    @step
    async def _remove(self, model: Model, call: Call) -> None:
        key = self._places.model(model.id)

        def decide(tx: Transaction) -> None:
            document = tx.read((key, GENERATION)).get(key)
            if document is not None and document.source.get("closing"):  # else it was written again meanwhile
                tx.delete(key)
                raise_generation(tx)

        await self._store.transact(decide, dry_run=call.dry_run, refresh=True)


def _in_use(model: Model, things: str, users: list[dict[str, Any]], count: int) -> ApiError:
    name = users[0]["_id"]
    return api_error(
        "device_manager.models.in_use", model.kind, model.name, count, things, name, users=users, count=count
    )
