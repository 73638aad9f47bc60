"""Creating, extending and dropping indices and collections: rows in the file first, then the catalogue in memory."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import apsw
import orjson

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import is_private
from device_manager.storage.mappings import Mapping, check_collection_name, check_index_name
from device_manager.storage.sqlite.catalogue import Catalogue, Collection
from device_manager.storage.sqlite.sweeping import sweep_step

T = TypeVar("T")

_log = logging.getLogger(__name__)


class RunJob(Protocol):
    """Runs a job on the writer's thread in a transaction of its own and returns what it returned."""

    async def __call__(self, job: Callable[[apsw.Connection], T]) -> T:
        """Raises `services.storage.unavailable`."""


class Definitions:
    """Changes what collections there are, one change at a time."""

    def __init__(self, catalogue: Catalogue, run_job: RunJob) -> None:
        self._catalogue = catalogue
        self._run_job = run_job
        self._one_at_a_time = asyncio.Lock()
        self._sweeping: asyncio.Task[None] | None = None

    async def create_index(self, index: str) -> None:
        """See `Store.create_index`."""
        check_index_name(index)
        async with self._one_at_a_time:
            if self._catalogue.has_index(index):
                raise api_error("services.storage.index_already_exists", "public", index)
            await self._run_job(lambda connection: _insert_index(connection, index))
            self._catalogue.add_index(index)

    async def create_collection(self, index: str, name: str, mappings: dict[str, Any]) -> None:
        """See `Store.create_collection`."""
        async with self._one_at_a_time:
            existing = self._catalogue.find(index, name)
            if existing is not None:
                await self._replace_mapping(existing, existing.mapping.merge(mappings))
                return
            if not is_private(index):
                check_index_name(index)
            check_collection_name(name)
            mapping = Mapping.compile(mappings)
            self._catalogue.add(await self._run_job(lambda connection: _insert(connection, index, name, mapping)))

    async def extend(self, extensions: dict[tuple[str, str], Mapping]) -> None:
        """Add the fields that documents brought along (`dynamic: true`).

        Raises:
            ApiError: `services.storage.cannot_change_mapping` when another document has just mapped a field otherwise.
        """
        async with self._one_at_a_time:
            for (index, name), extended in extensions.items():
                collection = self._catalogue.get(index, name)
                await self._replace_mapping(collection, collection.mapping.merge(extended.to_dict()))

    async def _replace_mapping(self, collection: Collection, mapping: Mapping) -> None:
        if mapping is collection.mapping:
            return
        revision = collection.revision + 1
        numbers = await self._run_job(lambda connection: _update(connection, collection.cid, mapping, revision))
        collection.extend(mapping, revision, numbers)

    async def drop_collection(self, index: str, name: str) -> None:
        """See `Store.drop_collection`."""
        async with self._one_at_a_time:
            collection = self._catalogue.find(index, name)
            if collection is None:
                return
            await self._run_job(lambda connection: _drop(connection, collection.cid))
            self._catalogue.drop(index, name)
        self.sweep()

    async def drop_index(self, index: str) -> None:
        """See `Store.drop_index`."""
        async with self._one_at_a_time:
            self._catalogue.collections(index)
            await self._run_job(lambda connection: _drop_index(connection, index))
            self._catalogue.drop_index(index)
        self.sweep()

    def sweep(self) -> None:
        """Begin to remove the rows of dropped collections in the background, unless that is under way."""
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep(), name="sqlite-sweep")

    async def _sweep(self) -> None:
        try:
            while await self._run_job(sweep_step):
                pass
        except ApiError as error:
            _log.warning("Rows of dropped collections stay until the next start or drop: %s", error)

    async def close(self) -> None:
        """Stop sweeping; the next start goes on with it."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping


def _insert_index(connection: apsw.Connection, index: str) -> None:
    connection.execute('INSERT OR IGNORE INTO "index" (name) VALUES (?)', (index,))


def _insert(connection: apsw.Connection, index: str, name: str, mapping: Mapping) -> Collection:
    _insert_index(connection, index)
    cid = connection.execute(
        'INSERT INTO collection ("index", name, mapping, revision) VALUES (?, ?, ?, 1) RETURNING cid',
        (index, name, _json(mapping)),
    ).get
    return Collection(cid, index, name, mapping, 1, _numbers(connection, cid, mapping))


def _update(connection: apsw.Connection, cid: int, mapping: Mapping, revision: int) -> dict[str, int]:
    connection.execute("UPDATE collection SET mapping = ?, revision = ? WHERE cid = ?", (_json(mapping), revision, cid))
    return _numbers(connection, cid, mapping)


def _numbers(connection: apsw.Connection, cid: int, mapping: Mapping) -> dict[str, int]:
    """The field numbers of all leaves of a mapping, new ones for new leaves."""
    connection.executemany("INSERT OR IGNORE INTO field (cid, path) VALUES (?, ?)", [(cid, p) for p in mapping.slots])
    return dict(connection.execute("SELECT path, f FROM field WHERE cid = ?", (cid,)))


def _drop(connection: apsw.Connection, cid: int) -> None:
    connection.execute("UPDATE collection SET dropped = 1 WHERE cid = ?", (cid,))


def _drop_index(connection: apsw.Connection, index: str) -> None:
    connection.execute('UPDATE collection SET dropped = 1 WHERE "index" = ?', (index,))
    connection.execute('DELETE FROM "index" WHERE name = ?', (index,))


def _json(mapping: Mapping) -> str:
    return orjson.dumps(mapping.to_dict()).decode()
