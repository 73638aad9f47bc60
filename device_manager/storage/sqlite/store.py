"""The embedded store: `contract.Store` on one SQLite file (design 6)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw

from device_manager.errors import ApiError, api_error
from device_manager.query.search import Search, SearchResult, Sort
from device_manager.query.tree import MATCH_ALL, Query
from device_manager.settings import Settings
from device_manager.storage.contract import Decide, Document, Key, Put, PutResult, Store, is_private
from device_manager.storage.origin import ORIGIN
from device_manager.storage.scanning import pages_of
from device_manager.storage.sqlite.catalogue import Catalogue
from device_manager.storage.sqlite.checkpoints import Checkpointer
from device_manager.storage.sqlite.connections import UnusableStore, open_reader, open_writer, out_of_service
from device_manager.storage.sqlite.definitions import Definitions
from device_manager.storage.sqlite.groups import GroupCommit
from device_manager.storage.sqlite.layout import DATABASE
from device_manager.storage.sqlite.lock import DirectoryLock
from device_manager.storage.sqlite.puts import LARGE, decide_puts
from device_manager.storage.sqlite.reading import ReaderPool, distinct_by_collection, read_documents
from device_manager.storage.sqlite.recent import RecentRows
from device_manager.storage.sqlite.scanning import scan_batches
from device_manager.storage.sqlite.searching import run_search
from device_manager.storage.sqlite.sizes import estimated_size
from device_manager.storage.sqlite.transaction import SqliteTransaction
from device_manager.storage.sqlite.turns import Turns
from device_manager.storage.sqlite.view import DecisionView, WriteNumbers
from device_manager.storage.sqlite.work import Work
from device_manager.storage.sqlite.writer import Outcome, Stale, Writer

T = TypeVar("T")

Decision = Callable[[], tuple[SqliteTransaction, T, Work | None]]
"""One run of a decision: the transaction, its result, and the work, None when there is nothing to commit."""

READ_AT_ONCE = 250
"""Documents that `read` takes from the file before it lets the event loop do something else."""


class SqliteStore(Store):
    """Documents in one file; one process per directory.

    The event loop decides and reads by id, one thread writes, some threads search. Every decision is made on top of
    all earlier ones, so there are no conflicts between the transactions of this process.
    """

    shared = False

    def __init__(self, directory: Path, settings: Settings) -> None:
        """A store in `directory`, which `start` creates when it is missing."""
        super().__init__()
        self._directory = directory
        self._settings = settings
        self._lock = DirectoryLock(directory)
        self._opened = False

    async def start(self) -> None:
        """Open the store.

        Raises:
            StoreInUse: another server has the directory.
            UnusableStore: the file is not ours, or of a newer version.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise UnusableStore(f"{self._directory} is no folder: the store needs one of its own.") from error
        self._lock.acquire()
        try:
            self._open(self._directory / DATABASE)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, path: Path) -> None:
        connection = open_writer(path)
        self._catalogue = Catalogue.load(connection)
        numbers = WriteNumbers(connection.execute("SELECT value FROM counter WHERE name = 'seq'").get)
        self._reader = open_reader(path)
        self._decider = open_reader(path)
        self._turns = Turns()
        self._pool = ReaderPool(path)
        self._checkpointer = Checkpointer(path)
        self._checkpointer.watch(connection)
        self._writer = Writer(connection, self._checkpointer.after_commit)
        self._checkpointer.start(self._writer)
        self._recent = RecentRows(self._settings.sqlite_rows_bytes)
        self._groups = GroupCommit(self._writer, lambda: numbers.upcoming, self._tell, self._recent)
        self._view = DecisionView(self._catalogue, self._groups, numbers, self._reader, self._recent)
        self._view_aside = DecisionView(self._catalogue, self._groups, numbers, self._decider)
        self._definitions = Definitions(self._catalogue, self.run_job)
        self._opened = True
        self._definitions.sweep()

    async def close(self) -> None:
        """Commit what is decided, then close everything; does nothing when the store is not open."""
        if not self._opened:
            return
        self._opened = False
        await self._groups.drain()
        await self._definitions.close()
        await asyncio.to_thread(self._stop_threads)
        self._lock.release()

    def _stop_threads(self) -> None:
        self._turns.close()
        self._pool.close()
        self._checkpointer.stop()
        self._reader.close()
        self._decider.close()
        self._writer.stop()  # the last one: closing a connection that can write empties the log

    async def is_healthy(self) -> bool:
        """See `Store.is_healthy`."""
        if not self._opened:
            return False
        try:
            return bool(self._reader.execute("SELECT count(*) FROM counter").get)
        except apsw.Error:
            return False

    async def run_job(self, job: Callable[[apsw.Connection], T]) -> T:
        """Run `job` on the writer's thread in a transaction of its own, between two groups.

        Raises:
            ApiError: `services.storage.unavailable`, or what the job raised.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        results: list[T] = []

        def settle(outcome: Outcome) -> None:
            if not answer.done():
                answer.set_result(outcome)

        self._writer.run(
            lambda connection: results.append(job(connection)),
            lambda outcome: loop.call_soon_threadsafe(settle, outcome),
        )
        _raise_failure(await answer)
        return results[0]

    async def undecided(self) -> list[str]:
        """See `Store.undecided`: the file rolls back by itself what nobody committed."""
        return []

    async def settle(self, name: str) -> None:
        """See `Store.settle`."""

    async def indices(self) -> list[str]:
        """See `Store.indices`."""
        return [index for index in self._catalogue.indices() if not is_private(index)]

    async def collections(self, index: str) -> list[str]:
        """See `Store.collections`."""
        return sorted(self._catalogue.collections(index))

    async def create_index(self, index: str) -> None:
        """See `Store.create_index`."""
        async with self._turns.alone:
            await self._definitions.create_index(index)

    async def create_collection(
        self,
        index: str,
        collection: str,
        mappings: dict[str, Any],
        *,
        forgets_removed: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """See `Store.create_collection`: nothing is remembered of a removed document."""
        async with self._turns.alone:
            await self._definitions.create_collection(index, collection, mappings)

    async def mappings(self, index: str, collection: str) -> dict[str, Any]:
        """See `Store.mappings`."""
        return self._catalogue.get(index, collection).mapping.to_dict()

    async def settings(self, index: str, collection: str) -> dict[str, Any]:
        """See `Administration.settings`: the file has none, so it is told what it amounts to."""
        self._catalogue.get(index, collection)
        return {"number_of_shards": "1", "number_of_replicas": "0"}

    async def change_settings(self, index: str, collection: str, settings: Mapping[str, Any]) -> None:
        """See `Administration.change_settings`: there is nothing to change."""
        self._catalogue.get(index, collection)

    async def sizes(self, index: str) -> dict[str, int]:
        """See `Administration.sizes`: from how large some of the documents are."""
        collections = self._catalogue.collections(index)
        return {
            name: await self._pool.run(partial(estimated_size, collection=collection), self._settings.store_deadline)
            for name, collection in sorted(collections.items())
        }

    async def drop_collection(self, index: str, collection: str) -> None:
        """See `Store.drop_collection`."""
        async with self._turns.alone:
            await self._definitions.drop_collection(index, collection)

    async def drop_index(self, index: str) -> None:
        """See `Store.drop_index`."""
        async with self._turns.alone:
            await self._definitions.drop_index(index)

    async def refresh(self, index: str, collection: str) -> None:
        """See `Store.refresh`: searches see every commit at once."""
        self._catalogue.get(index, collection)

    async def _read(self, keys: Iterable[Key]) -> dict[Key, Document]:
        """See `Store.read`."""
        if not self._opened:
            raise api_error("services.storage.unavailable", "it is closed.")
        self.round_trips.reads += 1
        found: dict[Key, Document] = {}
        for (index, name), ids in distinct_by_collection(keys).items():
            collection = self._catalogue.get(index, name)
            for start in range(0, len(ids), READ_AT_ONCE):
                if start:
                    await asyncio.sleep(0)
                part = ids[start : start + READ_AT_ONCE]
                for document in read_documents(self._reader, collection, part, self._recent):
                    found[Key(index, name, document.id)] = document
        return found

    async def _search(self, index: str, collection: str, search: Search) -> SearchResult:
        """See `Store.search`."""
        target = self._catalogue.get(index, collection)
        self.round_trips.searches += 1
        return await run_search(self._pool, target, search, self._settings.store_deadline)

    async def open_snapshot(self, index: str, collection: str, keep: float) -> str:
        """See `Store.open_snapshot`: none is kept, because what it needs of the log could not be reused meanwhile."""
        self._catalogue.get(index, collection)
        return ""

    async def close_snapshot(self, name: str) -> None:
        """See `Store.close_snapshot`."""

    async def scan(
        self, index: str, collection: str, query: Query = MATCH_ALL, *, page: int = 1000, sort: Sequence[Sort] = ()
    ) -> AsyncGenerator[list[Document], None]:
        """See `Store.scan`: all pages come from one snapshot."""
        target = self._catalogue.get(index, collection)
        batches = scan_batches(self._pool, target, query, sort, page, self._count_search)
        async with contextlib.aclosing(pages_of(batches, page, is_sorted=bool(sort))) as pages:
            async for documents in pages:
                yield documents

    async def _put(self, puts: Sequence[Put], *, whole: int) -> list[PutResult | ApiError]:
        """See `Store.put`: all puts of one call are written together, or none of them."""
        if not puts:
            return []
        large, assumes = len(puts) > LARGE, True
        origin = ORIGIN.get()

        def run() -> tuple[SqliteTransaction, list[PutResult | ApiError], Work | None]:
            nonlocal assumes
            transaction = SqliteTransaction(self._view_aside if large else self._view, {}, _count_nothing)
            transaction.is_put = True
            transaction.origin = origin
            results = decide_puts(transaction, puts, whole, assumes=assumes)
            assumes = False
            return transaction, results, transaction.work() if transaction.needs_commit else None

        self.round_trips.puts += 1
        return await self._commit(run, _count_nothing, large=large)

    async def _transact(
        self, decide: Decide[T], *, known: Mapping[Key, Document] | None, dry_run: bool, refresh: bool, large: bool
    ) -> T:
        """See `Store.transact`. The newest state costs no round trip here, so `known` only saves counting one."""
        origin = ORIGIN.get()

        def run() -> tuple[SqliteTransaction, T, Work | None]:
            transaction = SqliteTransaction(self._view_aside if large else self._view, known or {}, self._count_read)
            transaction.origin = origin
            result = decide(transaction)
            return transaction, result, None if dry_run or not transaction.needs_commit else transaction.work()

        return await self._commit(run, self._count_commit, large=large)

    async def _commit(self, decision: Decision[T], count: Callable[[], None], *, large: bool) -> T:
        """Run a decision and commit its work, again and again until it was made on what is really there."""
        if not self._opened:
            raise api_error("services.storage.unavailable", "it is closed.")
        attempt = 0
        while True:
            transaction, result, work = await (self._turns.large if large else self._turns.small)(decision)
            if work is None:
                return result
            if transaction.extensions:
                async with self._turns.alone:
                    await self._definitions.extend(transaction.extensions)
                continue
            count()
            outcome = await self._groups.join(work, transaction.changes())
            if outcome is None:
                return result
            if not isinstance(outcome, Stale):
                _raise_failure(outcome)
            attempt += 1
            self.round_trips.retries += 1
            if attempt > self._settings.transaction_retries:
                changed = [change.key.id for change in transaction.changes()]
                raise api_error("services.storage.too_many_changes", changed[0] if changed else "")

    def _count_read(self) -> None:
        self.round_trips.reads += 1

    def _count_search(self) -> None:
        self.round_trips.searches += 1

    def _count_commit(self) -> None:
        self.round_trips.commits += 1


def _count_nothing() -> None:
    """What a put looks at, and how often it is decided, is part of its one round trip."""


def _raise_failure(outcome: Outcome) -> None:
    """Raise what kept the writer from committing, as callers are told; nothing when it did commit."""
    if isinstance(outcome, apsw.TooBigError):
        raise api_error("services.storage.unexpected_bad_request", "A document is too large.") from outcome
    if isinstance(outcome, apsw.Error):
        raise out_of_service(outcome) or outcome from outcome
    if isinstance(outcome, (ApiError, Exception)):
        raise outcome
