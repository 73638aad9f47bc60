"""Looking models up: one, all that apply to an engine group, or those that a query finds (device-manager 2.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from device_manager.query.tree import Bool, Exists, Query, Term, Terms
from device_manager.storage.contract import Store
from device_manager.storage.finding import find, read_search
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.models import Model, ModelKind
from device_manager.twins.places import COMMONS, MODELS, Places


class ModelReading:
    """Reads models for clients."""

    def __init__(self, store: Store, catalogue: Catalogue, places: Places, search_limit: int) -> None:
        self._store = store
        self._catalogue = catalogue
        self._places = places
        self._limit = search_limit

    async def asset(self, name: str, group: str) -> dict[str, Any]:
        """An asset model as a hit. Raises `device_manager.models.unknown_asset`."""
        await self._catalogue.ensure()
        return self._hit(self._catalogue.models.asset(name, group), 1.0)

    async def device(self, name: str) -> dict[str, Any]:
        """A device model as a hit. Raises `device_manager.models.unknown_device`."""
        await self._catalogue.ensure()
        return self._hit(self._catalogue.models.device(name), 1.0)

    async def group(self, name: str, group: str | None) -> dict[str, Any]:
        """A group model as a hit. Raises `device_manager.models.unknown_group`."""
        await self._catalogue.ensure()
        return self._hit(self._catalogue.models.group(name, group), 1.0)

    async def measure(self, type: str) -> dict[str, Any]:
        """A measure model as a hit. Raises `device_manager.models.unknown_measure`."""
        await self._catalogue.ensure()
        return self._hit(self._catalogue.models.measure(type), 1.0)

    async def all(self, kind: ModelKind, group: str | None = None) -> dict[str, Any]:
        """All models of a kind, by name, or those that apply to an engine group: `{models, total}`."""
        await self._catalogue.ensure()
        known = self._catalogue.models
        models = known.of_kind(kind) if group is None else known.of_group(kind, group)
        return {"models": [self._hit(model, None) for model in models], "total": len(models)}

    async def search(
        self, kind: ModelKind, body: dict[str, Any], *, group: str | None, offset: int | None, size: int | None
    ) -> dict[str, Any]:
        """Find models of a kind by an Elasticsearch query, those that apply to an engine group if one is given.

        Raises:
            ApiError: a 400 that names the clause, `services.storage.get_limit_exceeded` (413).
        """
        search = read_search(body, offset=offset, size=size, lang="elasticsearch", limit=self._limit)
        scope: list[Query] = [Term("type", kind)]
        if group is not None:
            applies = (Terms("engineGroup", (group, COMMONS)), Bool(must_not=(Exists("engineGroup"),)))
            scope.append(Bool(should=applies))
        query = Bool(must=(search.query,), filter=tuple(scope))
        found = await find(self._store, self._places.platform, MODELS, replace(search, query=query))
        return found | {"fetched": len(found["hits"])}

    def _hit(self, model: Model, score: float | None) -> dict[str, Any]:
        return {
            "_id": model.id,
            "_score": score,
            "_source": model.source,
            "index": self._places.platform,
            "collection": MODELS,
        }
