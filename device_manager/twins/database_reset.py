"""Emptying the whole database: a task that any process goes on with (router-protocol 5.8, `admin:resetDatabase`).

Engines go as `engine:delete` lets them go, so that nothing of theirs is left in the internal index and none of their
names is blocked. The platform is as on the first start at the end, with the models of plugins and decoders.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from device_manager.call import Call
from device_manager.errors import ApiError
from device_manager.query.tree import MATCH_ALL, Term
from device_manager.storage.contract import Key, Store, Transaction
from device_manager.storage.journal import remove_of_engine
from device_manager.storage.specification_records import remove_specifications
from device_manager.tasks import Progress, TaskKind, TaskRecord, Tasks
from device_manager.tasks.locking import run_alone
from device_manager.twins.catalogue import ENGINE_TYPE, GENERATION, raise_generation
from device_manager.twins.engine_deletion import EngineDeletion
from device_manager.twins.places import CONFIG, DEVICES, MODELS, PAYLOADS, Places

RESET = "database-reset"


class DatabaseReset:
    """Removes all public indices.

    Args:
        store: where they are.
        places: where documents live.
        tasks: runs the work.
        engine_deletion: removes engines.
        furnish: makes what a platform begins with.
    """

    def __init__(
        self,
        store: Store,
        places: Places,
        tasks: Tasks,
        engine_deletion: EngineDeletion,
        furnish: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._places = places
        self._tasks = tasks
        self._engine_deletion = engine_deletion
        self._furnish = furnish
        tasks.register(TaskKind(RESET, self._step))

    async def reset(self, call: Call) -> TaskRecord:
        """Remove everything that is there now; the task, which goes on if that takes more than a minute.

        Raises:
            ApiError: `api.process.action_locked` while it is being done already, and what keeps the task from going on.
        """
        return await run_alone(self._store, self._tasks, RESET, "the database is being emptied", call)

    async def _step(self, arguments: dict[str, Any], cursor: Sequence[str] | None, progress: Progress) -> Any:
        """See `TaskKind`: the cursor names the indices that are left, each step removes the first of them."""
        left = list(cursor or ())
        if left:
            await self._remove(left.pop(0), progress)
            progress.done += 1
        if not left:
            left = await self._names()
            progress.total = progress.done + len(left)
        if left:
            return left
        await self._reset_platform()
        return None

    async def _names(self) -> list[str]:
        """All engines, also those without an index, and all other public indices."""
        await self._store.refresh(self._places.platform, CONFIG)
        found = {index for index in await self._store.indices() if index != self._places.platform}
        async for page in self._store.scan(self._places.platform, CONFIG, Term("type", ENGINE_TYPE)):
            found.update(document.source["engine"]["index"] for document in page)
        return sorted(found)

    async def _remove(self, index: str, progress: Progress) -> None:
        await self._engine_deletion.remove(index, progress)
        try:
            await self._store.drop_index(index)
        except ApiError as error:
            if error.id != "services.storage.unknown_index":  # removed by an earlier run of this step
                raise
        await remove_specifications(self._store, index)

    async def _reset_platform(self) -> None:
        platform = self._places.platform
        for collection in (PAYLOADS, DEVICES):
            await self._store.drop_collection(platform, collection)
        for collection in (MODELS, CONFIG):
            await self._empty(collection)
        await remove_specifications(self._store, platform)
        await remove_of_engine(self._store, platform)
        await self._furnish()

    async def _empty(self, collection: str) -> None:
        """Remove the documents of a collection that every process keeps in memory."""
        await self._store.refresh(self._places.platform, collection)
        async for page in self._store.scan(self._places.platform, collection, MATCH_ALL):
            keys = [Key(self._places.platform, collection, document.id) for document in page]

            def delete(tx: Transaction, keys: list[Key] = keys) -> None:
                for key in tx.read((*keys, GENERATION)):
                    if key != GENERATION:
                        tx.delete(key)
                raise_generation(tx)

            await self._store.transact(delete)
