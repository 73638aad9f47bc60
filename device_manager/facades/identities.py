"""From the ids of other systems to twins (facades 1.3).

A foreign id is a function of the twin, so it has to be stored only to find the twin by it. All twins of an engine are
written down once, and from then on those that are newer than the last ones that were: an id that nobody has costs a
search for what was created a moment ago, at most once a second, however often it is asked for. Only what this process
creates itself makes it look again at once.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence

from device_manager.errors import ApiError
from device_manager.query.tree import MATCH_ALL, Query, Range
from device_manager.storage.contract import INTERNAL_INDEX, Change, ChangeKind, Document, Key, Put, PutKind, Store
from device_manager.storage.mappings.names import MAX_NAME_BYTES

Derive = Callable[[str, Document], Iterable[str]]
"""(engine, twin) -> the foreign ids by which it is found."""

MAPPING = {"dynamic": "false", "properties": {}}
OVERLAP = 300_000
"""Milliseconds by which each look begins before the last one: clocks differ, and creations take time to be seen."""
INTERVAL = 1.0
"""Seconds between two looks for newer twins of one engine."""
MOST_NOTED = 1000
"""Twins of one engine that are noted one by one; as long as all of them are written down, nothing has to be found."""
MORE = ""
"""Noted for all further ones; only a look removes it."""
CREATED = "_kuzzle_info.createdAt"


class Identities:
    """Finds the twins of one kind by the ids of one other system.

    Args:
        store: where everything is.
        interface: name of the other system.
        collection: of the twins, `assets` or `devices`.
        derive: their foreign ids.
    """

    def __init__(self, store: Store, interface: str, collection: str, derive: Derive) -> None:
        self._store = store
        self._prefix = f"{interface}:{collection}:"
        self._collection = collection
        self._derive = derive
        self._looks: dict[str, tuple[float, asyncio.Task[None]]] = {}
        self._unwritten: dict[str, set[str]] = {}
        store.on_commit(self._note)

    def _note(self, changes: Sequence[Change]) -> None:
        """Note which twins this process created: their ids may be asked for at once."""
        for change in changes:
            if change.kind is ChangeKind.CREATE and change.key.collection == self._collection:
                unwritten = self._unwritten.setdefault(change.key.index, set())
                unwritten.add(change.key.id if len(unwritten) < MOST_NOTED else MORE)

    async def find(self, engine: str, foreign: str) -> str | None:
        """The id of the twin that is called `foreign`, None if there is none. See `find_many`."""
        return (await self.find_many(engine, (foreign,))).get(foreign)

    async def find_many(self, engine: str, foreign: Sequence[str]) -> dict[str, str]:
        """The ids of the twins by those of their foreign ids that are known; a twin may be gone since.

        One round trip when all are known.

        Raises:
            ApiError: `services.storage.unavailable`, `unknown_index` when the engine is gone.
        """
        found = await self._read(engine, foreign)
        if len(found) < len(set(foreign)):
            await self._look(engine)
            found = await self._read(engine, foreign)
        return found

    async def remember(self, engine: str, twins: Iterable[Document]) -> None:
        """Write down twins that were created a moment ago, so that nobody has to look for them."""
        known = list(twins)
        await self._put(
            [
                Put(PutKind.INDEX, self._key(engine, foreign), {"twin": twin.id})
                for twin in known
                for foreign in self._derive(engine, twin)
            ]
        )
        if unwritten := self._unwritten.get(engine):
            unwritten.difference_update(twin.id for twin in known)

    async def _read(self, engine: str, foreign: Sequence[str]) -> dict[str, str]:
        keys = {self._key(engine, id): id for id in foreign}
        try:
            documents = await self._store.read(keys)
        except ApiError as error:
            if not error.is_unknown_place:
                raise
            return {}
        return {keys[key]: document.source["twin"] for key, document in documents.items()}

    async def _look(self, engine: str) -> None:
        """Write down what is newer than the last look, which callers at the same time share."""
        began, task = self._looks.get(engine, (0.0, None))
        is_over = task is not None and task.done() and (time.monotonic() - began > INTERVAL or task.exception())
        unwritten = self._unwritten.pop(engine, None)
        if task is None or is_over or unwritten:
            task = asyncio.create_task(self._write_newer(engine))
            self._looks[engine] = time.monotonic(), task
        await asyncio.shield(task)

    async def _write_newer(self, engine: str) -> None:
        now = time.time_ns() // 1_000_000
        mark = Key(INTERNAL_INDEX, ids_collection(engine), f"{self._prefix}mark")
        await self._store.create_collection(INTERNAL_INDEX, mark.collection, MAPPING)
        document = (await self._store.read((mark,))).get(mark)
        query: Query = MATCH_ALL
        if document is not None:
            query = Range(CREATED, gte=document.source["until"] - OVERLAP)
        await self._store.refresh(engine, self._collection)
        async for page in self._store.scan(engine, self._collection, query):
            await self.remember(engine, page)
        await self._put([Put(PutKind.INDEX, mark, {"until": now})])

    async def _put(self, puts: Sequence[Put]) -> None:
        """Write; without a collection nobody has asked for an id of the engine yet, and the first look writes all."""
        for result in await self._store.put(puts):
            if isinstance(result, ApiError) and not result.is_unknown_place:
                raise result

    def _key(self, engine: str, foreign: str) -> Key:
        return Key(INTERNAL_INDEX, ids_collection(engine), self._prefix + foreign)


async def remove_ids(store: Store, engine: str) -> None:
    """Forget the foreign ids of an engine that is gone, those of all interfaces."""
    await store.drop_collection(INTERNAL_INDEX, ids_collection(engine))


@functools.lru_cache(maxsize=1024)
def ids_collection(engine: str) -> str:
    """The internal collection with the foreign ids of an engine."""
    name = f"facade-ids-{engine}"
    if len(name.encode()) > MAX_NAME_BYTES:
        name = f"facade-ids-{hashlib.blake2b(engine.encode(), digest_size=20).hexdigest()}-long"
    return name
