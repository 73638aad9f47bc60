"""Finding the devices that clients name or list, by actions in their name (facades 4.3, 4.5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.identities import Identities
from device_manager.facades.ubidots.content import (
    IS_ID,
    LABEL_SIGN,
    MEMBER,
    Variable,
    answers_to,
    find_variable,
    foreign_ids,
    model_name,
)
from device_manager.facades.ubidots.errors import not_found
from device_manager.query.aggregations import MAX_BUCKETS
from device_manager.query.dsl import to_dsl
from device_manager.query.search import Metric, Search, TermsAggregation
from device_manager.query.tree import MATCH_ALL, Ids, Query, Term
from device_manager.storage.contract import INTERNAL_INDEX, Store
from device_manager.storage.stamps import Source
from device_manager.twins.measures.last_measures import records_collection
from device_manager.twins.places import DEVICES as COLLECTION
from device_manager.twins.places import device_key, twin_id

DEVICES = "device-manager/devices"
PAGE = 1000
"""Devices of one search, of those that read all."""
CREATED = "_kuzzle_info.createdAt"
ORDER = (CREATED, "reference", "model")
"""The order of creation, in which no two devices are equal."""
OLDEST_FIRST: tuple[Source, ...] = tuple({field: "asc"} for field in ORDER)
SHOWN = (*ORDER, "measureSlots", f"metadata.{MEMBER}")
"""What clients see of a device comes from these members."""
MOST_SLOTS = 10_000


class Twin(NamedTuple):
    """A device as the core has it."""

    id: str
    source: Source


class DeviceReading:
    """Reads devices.

    Args:
        store: is told to show what was written a moment ago.
        window: how far a search may reach, setting `search_size`.

    Attributes:
        window: see above.
    """

    def __init__(self, store: Store, window: int) -> None:
        self._store = store
        self.window = window
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
        """A page of the devices that a query finds, and how many it finds in all.

        A search reaches `window` devices far. What is deeper is reached by further ones, each of which reads of so many
        devices no more than what they are sorted by.

        Raises:
            ApiError: what `devices:search` refuses.
        """
        body: Source = {"query": to_dsl(query), "sort": list(sort)}
        if offset + size <= self.window:
            return await self._search(actor, body, offset, size)
        fields = [field for part in sort for field in part]
        twins: list[Twin] = []
        passed = 0
        while True:
            is_before = passed < offset
            step = min(self.window, (offset if is_before else offset + size) - passed)
            found, total = await self._search(actor, body | ({"_source": fields} if is_before else {}), 0, step)
            twins += [] if is_before else found
            passed += step
            if len(found) < step or passed == offset + size:
                return twins, total
            body["search_after"] = [_value(found[-1].source, field) for field in fields]

    async def first(
        self, actor: Actor, size: int, query: Query, sort: Sequence[Source], members: Sequence[str]
    ) -> tuple[list[Twin], int]:
        """The first devices that a query finds, with some of their members, and how many it finds in all.

        Raises:
            ApiError: what `devices:search` refuses.
        """
        body = {"query": to_dsl(query), "sort": list(sort), "_source": list(members)}
        return await self._search(actor, body, 0, size)

    async def chosen(self, actor: Actor, ids: Sequence[str]) -> list[Twin]:
        """Those of some core devices that there are, in this order. Raises what `devices:search` refuses."""
        found: dict[str, Twin] = {}
        for start in range(0, len(ids), self.window):
            some = tuple(ids[start : start + self.window])
            twins, _ = await self._search(actor, {"query": to_dsl(Ids(some))}, 0, len(some))
            found |= {twin.id: twin for twin in twins}
        return [found[id] for id in ids if id in found]

    async def slices(
        self, actor: Actor, query: Query = MATCH_ALL, members: Sequence[str] = SHOWN
    ) -> AsyncIterator[list[Twin]]:
        """All devices that a query finds, with some of their members, in the order of creation, some at a time.

        Raises:
            ApiError: what `devices:search` refuses.
        """
        body: Source = {"query": to_dsl(query), "sort": list(OLDEST_FIRST), "_source": list(members)}
        size = min(PAGE, self.window)
        while True:
            twins, _ = await self._search(actor, body, 0, size)
            yield twins
            if len(twins) < size:
                return
            body["search_after"] = [_value(twins[-1].source, field) for field in ORDER]

    async def figures(self, actor: Actor, body: Source) -> Source:
        """The result of a search as it is. Raises what `devices:search` refuses."""
        found: Source = await actor.call(DEVICES, "search", body=body)
        return found

    async def _search(self, actor: Actor, body: Source, offset: int, size: int) -> tuple[list[Twin], int]:
        found = await actor.call(DEVICES, "search", body=body, **{"from": offset, "size": size})
        return [Twin(hit["_id"], hit["_source"]) for hit in found["hits"]], found["total"]

    async def refresh(self, engine: str) -> None:
        """Let searches see every device. Raises what the store raises."""
        await self._store.refresh(engine, COLLECTION)

    async def active(self, actor: Actor) -> dict[str, int] | None:
        """When devices measured last, of all that ever did, in milliseconds since 1970; None when these are too many.

        Raises:
            ApiError: the caller may not know it; the store does not answer.
        """
        await actor.check(DEVICES, "mGetLastMeasuredAt")
        collection, most = records_collection(actor.engine), min(self.window, MAX_BUCKETS)
        await self._store.refresh(INTERNAL_INDEX, collection)
        last = {"last": Metric("max", "measuredAt")}
        devices = TermsAggregation("id", most, aggregations=last)
        search = Search(query=Term("twin", "device"), size=0, aggregations={"devices": devices})
        found = (await self._store.search(INTERNAL_INDEX, collection, search)).aggregations or {}
        if found["devices"]["sum_other_doc_count"]:
            return None
        return {bucket["key"]: int(bucket["last"]["value"]) for bucket in found["devices"]["buckets"]}

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


def _value(source: Source, field: str) -> Any:
    value: Any = source
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _answers(engine: str, twin: Twin, key: str) -> bool:
    return answers_to(engine, twin.id, twin.source, key)
