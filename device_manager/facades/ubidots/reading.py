"""Finding the devices that clients name or list, by actions in their name (facades 4.3, 4.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.identities import Identities
from device_manager.facades.ubidots.content import (
    IS_ID,
    LABEL_SIGN,
    Variable,
    answers_to,
    find_variable,
    foreign_ids,
    model_name,
)
from device_manager.facades.ubidots.errors import not_found
from device_manager.query.dsl import to_dsl
from device_manager.query.tree import MATCH_ALL, Query
from device_manager.storage.contract import Store
from device_manager.storage.stamps import Source
from device_manager.twins.places import DEVICES as COLLECTION
from device_manager.twins.places import device_key, twin_id

DEVICES = "device-manager/devices"
PAGE = 1000
"""Devices of one search."""
CREATED = "_kuzzle_info.createdAt"
ORDER = (CREATED, "reference", "model")
"""The order of creation, in which no two devices are equal."""
OLDEST_FIRST: tuple[Source, ...] = tuple({field: "asc"} for field in ORDER)
MOST_SLOTS = 10_000


class Twin(NamedTuple):
    """A device as the core has it."""

    id: str
    source: Source


class DeviceReading:
    """Reads devices.

    Args:
        store: is told to show what was written a moment ago.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.identities = Identities(store, "ubidots", COLLECTION, foreign_ids)

    async def resolve(self, engine: str, keys: Sequence[str]) -> dict[str, str]:
        """The ids of core devices by those keys (24 hex digits, or `~` and a label) that lead to one, now or once.

        Whether they do still is known when the device is read: see `content.answers_to`.

        Raises:
            ApiError: the store does not answer.
        """
        possible = [key for key in keys if key.startswith(LABEL_SIGN) or IS_ID.fullmatch(key)]
        return await self.identities.find_many(engine, possible) if possible else {}

    async def get(self, actor: Actor, key: str) -> Twin:
        """The device with a key.

        Raises:
            UbidotsError: 404001.
            ApiError: what `devices:get` refuses.
        """
        twin = await self.find(actor, key)
        if twin is None:
            raise not_found()
        return twin

    async def find(self, actor: Actor, key: str) -> Twin | None:
        """The device with a key, None when there is none. Raises what `devices:get` refuses."""
        id = (await self.resolve(actor.engine, (key,))).get(key)
        twin = None if id is None else await self.read(actor, id)
        return twin if twin and _answers(actor.engine, twin, key) else None

    async def there(self, engine: str, keys: Sequence[str]) -> dict[str, Twin]:
        """The devices that some keys lead to, by these keys: for tasks, whose every change is an action.

        Raises:
            ApiError: the store does not answer.
        """
        ids = await self.resolve(engine, keys)
        twins = await self.stored(engine, list(dict.fromkeys(ids.values())))
        return {key: twins[id] for key, id in ids.items() if id in twins and _answers(engine, twins[id], key)}

    async def stored(self, engine: str, ids: Sequence[str]) -> dict[str, Twin]:
        """Those of some core devices that there are, by their ids. Raises what the store raises."""
        found = await self._store.read([device_key(engine, id) for id in ids]) if ids else {}
        return {key.id: Twin(key.id, document.source) for key, document in found.items()}

    async def variable(self, actor: Actor, wanted: str) -> tuple[Twin, Variable]:
        """The variable with an id, and its device. Raises what `get` raises."""
        twin = await self.get(actor, wanted)
        variable = find_variable(actor.engine, twin.id, twin.source, wanted)
        if variable is None:
            raise not_found()
        return twin, variable

    async def read(self, actor: Actor, id: str) -> Twin | None:
        """A core device, None when there is none. Raises what `devices:get` refuses."""
        try:
            found = await actor.call(DEVICES, "get", _id=id)
        except ApiError as error:
            if error.status != 404:
                raise
            return None
        return Twin(found["_id"], found["_source"])

    async def read_own(self, actor: Actor, label: str) -> Twin | None:
        """The device that clients created with a label, None when they did not. Raises what `read` raises."""
        return await self.read(actor, twin_id(model_name(actor.engine), label))

    async def page(
        self, actor: Actor, offset: int, size: int, *, query: Query = MATCH_ALL, sort: Sequence[Source] = OLDEST_FIRST
    ) -> tuple[list[Twin], int]:
        """A page of the devices that a query finds, and how many it finds in all."""
        await self._store.refresh(actor.engine, COLLECTION)
        body = {"query": to_dsl(query), "sort": list(sort)}
        found = await actor.call(DEVICES, "search", body=body, **{"from": offset, "size": size})
        return [Twin(hit["_id"], hit["_source"]) for hit in found["hits"]], found["total"]

    async def all(self, actor: Actor, query: Query = MATCH_ALL) -> list[Twin]:
        """All devices that a query finds, in the order of creation."""
        await self._store.refresh(actor.engine, COLLECTION)
        twins: list[Twin] = []
        body: dict[str, Any] = {"query": to_dsl(query), "sort": list(OLDEST_FIRST), "size": PAGE}
        while True:
            hits = (await actor.call(DEVICES, "search", body=body))["hits"]
            twins += [Twin(hit["_id"], hit["_source"]) for hit in hits]
            if len(hits) < PAGE:
                return twins
            last = hits[-1]["_source"]
            body["search_after"] = [last["_kuzzle_info"]["createdAt"], last["reference"], last["model"]]

    async def figures(self, actor: Actor, body: Source) -> Source:
        """The result of a search as it is. Raises what `devices:search` refuses."""
        await self._store.refresh(actor.engine, COLLECTION)
        found: Source = await actor.call(DEVICES, "search", body=body)
        return found

    async def last_measured(self, actor: Actor, ids: Sequence[str]) -> dict[str, int]:
        """When devices measured last, in milliseconds since 1970; those that never did are left out."""
        if not ids:
            return {}
        found: dict[str, int] = await actor.call(DEVICES, "mGetLastMeasuredAt", body={"ids": list(ids)})
        return found

    async def last_measures(self, actor: Actor, ids: Sequence[str]) -> dict[str, dict[str, Source]]:
        """The last measures of devices: id -> slot -> `{measuredAt, values, ...}`."""
        if not ids:
            return {}
        found: dict[str, dict[str, Source]] = await actor.call(
            DEVICES, "mGetLastMeasures", body={"ids": list(ids)}, measureCount=MOST_SLOTS
        )
        return found


def _answers(engine: str, twin: Twin, key: str) -> bool:
    return answers_to(engine, twin.id, twin.source, key)
