"""Moving assets to another engine: a task that any process goes on with (device-manager 2.2, migrateTenant)."""

from __future__ import annotations

from collections.abc import Sequence

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Store, Transaction
from device_manager.storage.steps import step
from device_manager.tasks import Progress, TaskKind, TaskRecord, Tasks
from device_manager.twins.call import Call
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.documents import Source, stamp_now
from device_manager.twins.listeners import TwinEvents
from device_manager.twins.places import ASSETS, DEVICES, HISTORY, Places, asset_key
from device_manager.twins.tenants.steps import Migration, migrate
from device_manager.twins.workspace import Workspace

MIGRATION = "asset-migration"
PATIENCE = 60.0
"""Seconds that the caller waits for the end, before it is told that the task goes on."""
BATCH = 200
"""Assets of one step, each a transaction of its own, or with those that share its devices."""
UNEXPECTED = 500
CONTENDED = "services.storage.too_many_changes"


class TenantMigration:
    """Moves assets between engines of one group.

    Args:
        store: where they are.
        catalogue: knows engines and models.
        events: bounds how much runs at once.
        places: where documents live.
        tasks: runs the work.
        limit: most assets of one call.
    """

    def __init__(
        self, store: Store, catalogue: Catalogue, events: TwinEvents, places: Places, tasks: Tasks, limit: int
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._events = events
        self._places = places
        self._tasks = tasks
        self._limit = limit
        tasks.register(TaskKind(MIGRATION, self._step))

    async def migrate(
        self, engine: str, ids: Sequence[str], destination: str, call: Call, *, with_devices: bool
    ) -> Source:
        """Move assets; `{errors: [ids], successes: [ids]}`, and `task` when that is still at it after a while.

        Args:
            engine: where the assets are.
            ids: the assets. Those that are not there, or are in the destination already, become errors.
            destination: the engine that they move to.
            call: the caller.
            with_devices: the devices that they are linked to come along; otherwise these links end.

        Raises:
            ApiError: `device_manager.tenants.nothing_to_migrate`, `not_authorized`, `other_group` or `all_present`, an
                unknown engine, `services.storage.write_limit_exceeded`.
        """
        ids = list(dict.fromkeys(ids))
        await self._check(engine, ids, destination, call)
        begun = await self._begin(engine, ids, destination, call, with_devices)
        if not isinstance(begun, TaskRecord):
            return begun
        task = await self._tasks.wait(begun.id, PATIENCE)
        task.raise_failure()
        result: Source = task.result or {"errors": task.arguments["errors"], "successes": []}
        return result if task.is_over else result | {"task": task.id}

    async def _check(self, engine: str, ids: Sequence[str], destination: str, call: Call) -> None:
        if not ids:
            raise api_error("device_manager.tenants.nothing_to_migrate")
        if len(ids) > self._limit:
            raise api_error("services.storage.write_limit_exceeded")
        if not call.may_use(destination):
            raise api_error("device_manager.tenants.not_authorized", call.user_id)
        group = (await self._catalogue.engine(engine)).group
        if (await self._catalogue.engine(destination)).group != group:
            raise api_error("device_manager.tenants.other_group", destination, engine)

    @step
    async def _begin(
        self, engine: str, ids: Sequence[str], destination: str, call: Call, with_devices: bool
    ) -> TaskRecord | Source:
        """Begin the task; the result when there is nothing for it to do."""
        here, there = await self._present(engine, ids), await self._present(destination, ids)
        if there.issuperset(ids):
            raise api_error("device_manager.tenants.all_present")
        movable = [id for id in ids if id in here and id not in there]
        errors = [id for id in ids if id not in here or id in there]
        if call.dry_run or not movable:
            return {"errors": errors, "successes": movable}
        arguments = {
            "source": engine,
            "destination": destination,
            "ids": movable,
            "errors": errors,
            "withDevices": with_devices,
        }
        return await self._tasks.start(MIGRATION, arguments, call, engine=engine)

    async def _present(self, engine: str, ids: Sequence[str]) -> set[str]:
        return {key.id for key in await self._store.read([asset_key(engine, id) for id in ids])}

    async def _step(self, arguments: Source, cursor: int | None, progress: Progress) -> int | None:
        """See `TaskKind`: the cursor counts the assets that were tried."""
        ids: list[str] = arguments["ids"]
        begin = cursor or 0
        batch = ids[begin : begin + BATCH]
        source, destination = arguments["source"], arguments["destination"]
        group = (await self._catalogue.engine(source)).group
        order = Migration(source, destination, frozenset(ids), arguments["withDevices"], group)
        for outcome in await self._events.each(lambda id: self._migrate(order, id, progress.user_id), batch):
            if isinstance(outcome, ApiError) and (outcome.status >= UNEXPECTED or outcome.id == CONTENDED):
                raise outcome
        here, there = await self._present(source, batch), await self._present(destination, batch)
        known = progress.result if begin else {"errors": arguments["errors"], "successes": []}
        progress.result = {
            "errors": known["errors"] + [id for id in batch if id in here or id not in there],
            "successes": known["successes"] + [id for id in batch if id in there and id not in here],
        }
        progress.done, progress.total = begin + len(batch), len(ids)
        if progress.done < len(ids):
            return progress.done
        for engine in (source, destination):
            for collection in (ASSETS, DEVICES, HISTORY):
                await self._store.refresh(engine, collection)
        return None

    async def _migrate(self, order: Migration, id: str, user_id: str | None) -> list[str]:
        def decide(tx: Transaction) -> list[str]:
            return migrate(Workspace(tx, self._places), order, id, self._catalogue.models, stamp_now(user_id))

        return await self._store.transact(decide)
