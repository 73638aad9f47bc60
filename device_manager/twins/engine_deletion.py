"""Deleting engines: a task that any process goes on with, from the mark on the engine to its last trace (2.1).

From the mark on nothing comes into the engine any more: what does so depends on the document that bears it. That
document goes last, so that there is no other engine of this name before all is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from device_manager.errors import api_error
from device_manager.query.tree import Term
from device_manager.storage.contract import Key, Store, Transaction
from device_manager.storage.journal import remove_of_engine
from device_manager.storage.specification_records import remove_specifications
from device_manager.storage.stamps import Source
from device_manager.storage.steps import step
from device_manager.storage.unique import release_of_engine
from device_manager.tasks import Progress, TaskKind, Tasks
from device_manager.tasks.records import add_task
from device_manager.twins.call import Call
from device_manager.twins.catalogue import GENERATION, Catalogue, raise_generation, read_engine
from device_manager.twins.documents import changed, stamp_now
from device_manager.twins.exports.tickets import remove_tickets
from device_manager.twins.measures.records import drop_records
from device_manager.twins.places import CONFIG, DEVICES, ENGINE_COLLECTIONS, Places

DELETION = "engine-deletion"
PATIENCE = 60.0
"""Seconds that the caller waits for the end, before it is told that the task goes on."""
BATCH = 500
"""Devices that one transaction sets free."""
GONE = tuple(collection for collection in ENGINE_COLLECTIONS if collection != CONFIG)
"""What goes with an engine; the index and its `config` stay."""

Further = Callable[[str], Awaitable[object]]


class EngineDeletion:
    """Deletes engines with their twins and measures; their devices stay provisioned and become free.

    Args:
        store: where they are.
        catalogue: knows the engines.
        places: where documents live.
        tasks: runs the work.
    """

    def __init__(self, store: Store, catalogue: Catalogue, places: Places, tasks: Tasks) -> None:
        self._store = store
        self._catalogue = catalogue
        self._places = places
        self._tasks = tasks
        self._further: list[Further] = []
        tasks.register(TaskKind(DELETION, self._step))

    def add(self, further: Further) -> None:
        """Let `further` remove what others keep of an engine; it may be called again for the same one."""
        self._further.append(further)

    async def delete(self, index: str, call: Call) -> tuple[list[str], str | None]:
        """Delete an engine; what goes, and the id of the task that is still at it after a while.

        Raises:
            ApiError: `device_manager.engines.not_found`, what keeps the task from going on.
        """
        id = await self._close(index, call)
        if call.dry_run:
            return list(GONE), None
        task = await self._tasks.wait(id, PATIENCE)
        task.raise_failure()
        return list(GONE), None if task.is_over else id

    @step
    async def _close(self, index: str, call: Call) -> str:
        """Mark an engine as being deleted, and begin with it."""
        key = self._places.engine_config(index)
        plan = self._tasks.plan(DELETION, {"engine": index}, call, id=f"{DELETION}-{index}")

        def decide(tx: Transaction) -> str:
            tx.read((key, GENERATION, plan.key))
            if not _mark(tx, key, call.user_id):
                raise api_error("device_manager.engines.not_found", index)
            return add_task(tx, plan).id

        return await self._store.transact(decide, dry_run=call.dry_run)

    async def remove(self, index: str, progress: Progress) -> None:
        """Delete an engine as a part of another task's step; nothing happens when `index` is none."""
        key = self._places.engine_config(index)
        if await self._store.transact(lambda tx: _mark(tx, key, progress.user_id)):
            cursor = None
            while (cursor := await self._step({"engine": index}, cursor, progress)) is not None:
                await progress.save()

    async def _step(self, arguments: Source, cursor: Sequence[str] | None, progress: Progress) -> list[str] | None:
        """See `TaskKind`: the cursor names what is left to remove, each step removes the first of it."""
        index = arguments["engine"]
        if not await self._is_closing(index):
            return None  # removed by this very task, whose last note was lost
        if cursor is None:
            await self._free_devices(index, progress)
            return [*GONE, CONFIG]
        first, *left = cursor
        if left:
            await self._store.drop_collection(index, first)
            return left
        await remove_of_engine(self._store, index)
        await release_of_engine(self._store, index)
        await remove_tickets(self._store, index)
        await drop_records(self._store, index)
        await remove_specifications(self._store, index)
        for further in self._further:
            await further(index)
        await self._forget(index)
        return None

    async def _is_closing(self, index: str) -> bool:
        key = self._places.engine_config(index)
        config = (await self._store.read((key,))).get(key)
        engine = read_engine(config) if config else None
        return engine is not None and engine.closing

    async def _free_devices(self, index: str, progress: Progress) -> None:
        """Detach every device. None is attached any more: attaching depends on the document that bears the mark."""
        await self._store.refresh(self._places.platform, DEVICES)
        pages = self._store.scan(self._places.platform, DEVICES, Term("engineId", index), page=BATCH)
        async for page in pages:
            keys = [self._places.provisioning(document.id) for document in page]
            await self._store.transact(
                lambda tx, keys=keys: _free(tx, keys, index, progress.user_id),  # type: ignore[misc]
                large=True,
            )
            progress.done += len(page)
            await progress.save()

    async def _forget(self, index: str) -> None:
        """Remove the document that makes the index an engine."""
        key = self._places.engine_config(index)

        def decide(tx: Transaction) -> None:
            config = tx.read((key, GENERATION)).get(key)
            engine = read_engine(config) if config else None
            if engine is not None and engine.closing:
                tx.delete(key)
                raise_generation(tx)

        await self._store.transact(decide, refresh=True)


def _mark(tx: Transaction, key: Key, user_id: str | None) -> bool:
    """Note that an engine is being deleted; False when there is none."""
    config = tx.read((key, GENERATION)).get(key)
    engine = read_engine(config) if config else None
    if config is None or engine is None:
        return False
    if not engine.closing:
        source = config.source | {"engine": config.source["engine"] | {"closing": True}}
        tx.replace(key, changed(source, stamp_now(user_id)))
        raise_generation(tx)
    return True


def _free(tx: Transaction, keys: list[Key], index: str, user_id: str | None) -> None:
    stamp = stamp_now(user_id)
    for key, document in tx.read(keys).items():
        if document.source.get("engineId") == index:
            tx.replace(key, changed(document.source | {"engineId": None}, stamp))
