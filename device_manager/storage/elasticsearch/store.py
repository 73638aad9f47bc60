"""The store on Elasticsearch: wiring of its parts behind the contract (design 6)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import structlog

from device_manager.errors import ApiError, api_error
from device_manager.query.search import Search, SearchResult, Sort
from device_manager.query.tree import MATCH_ALL, Query
from device_manager.settings import Settings
from device_manager.storage.contract import INTERNAL_INDEX, Decide, Document, Key, Put, PutResult, Store
from device_manager.storage.elasticsearch.catalogue import Catalogue
from device_manager.storage.elasticsearch.client import Cluster
from device_manager.storage.elasticsearch.collections import FORGETS_REMOVED, Collections
from device_manager.storage.elasticsearch.committed import CommittedReader
from device_manager.storage.elasticsearch.deadlines import Deadlines
from device_manager.storage.elasticsearch.flushids import FlushIds
from device_manager.storage.elasticsearch.indices import Indices, resolved
from device_manager.storage.elasticsearch.job import Job
from device_manager.storage.elasticsearch.names import PLACEHOLDER, alias_name
from device_manager.storage.elasticsearch.protocol import MARKS_MAPPING
from device_manager.storage.elasticsearch.puts import Puts
from device_manager.storage.elasticsearch.reading_ahead import read_ahead
from device_manager.storage.elasticsearch.reads import Address, Found, GoneAlias, Reader
from device_manager.storage.elasticsearch.recovery import Recovery
from device_manager.storage.elasticsearch.refresher import Refresher
from device_manager.storage.elasticsearch.search import Searcher, seconds_text
from device_manager.storage.elasticsearch.settlement import Settlement
from device_manager.storage.elasticsearch.sweep import Sweeper
from device_manager.storage.elasticsearch.units import StepObserver, observe_nothing
from device_manager.storage.elasticsearch.writer import Writer
from device_manager.storage.scanning import pages_of

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class ElasticsearchStore(Store):
    """Documents in a cluster that several processes may share."""

    def __init__(self, url: str, settings: Settings, *, on_step: StepObserver = observe_nothing) -> None:
        """Wire the parts; nothing is sent before `start`.

        Args:
            url: of the cluster.
            settings: deadlines, retries and the grace time.
            on_step: told of each step of each flush, for tests that stop the process there.
        """
        super().__init__()
        self._settings = settings
        ids = FlushIds()
        grace = settings.recovery_grace
        self._cluster = Cluster(url, settings.store_deadline)
        self._deadlines = Deadlines(self._cluster, settings.store_deadline)
        self._catalogue = Catalogue(self._cluster)
        self._collections = Collections(self._cluster, self._catalogue)
        self._indices = Indices(self._cluster, self._catalogue)
        self._reader = Reader(self._cluster, self._deadlines, self.round_trips)
        self._searcher = Searcher(self._cluster, self._catalogue, self.round_trips)
        self._refresher = Refresher(self._cluster)
        self._settlement = Settlement(self._cluster, ids, self.round_trips)
        self._recovery = Recovery(self._cluster, self._settlement, grace)
        self._committed = CommittedReader(
            self._reader, self._searcher, self._refresher, self._settlement, self._recovery
        )
        self._sweeper = Sweeper(self._cluster, self._settlement, self._recovery, grace)
        self._writer = Writer(
            self._cluster,
            self._catalogue,
            self._reader,
            self._settlement,
            self._recovery,
            self._deadlines,
            ids,
            self.round_trips,
            settings=settings,
            tell=self._tell,
            on_step=on_step,
        )
        self._puts = Puts(
            self._cluster,
            self._catalogue,
            self._reader,
            self._settlement,
            self._recovery,
            self._deadlines,
            self.round_trips,
            deadline=settings.store_deadline,
            tell=self._tell,
        )

    async def start(self) -> None:
        """Open what the cluster holds and finish what other processes left undecided."""
        await self._collections.open()
        await self._sweeper.start()

    async def look(self) -> None:
        """Open the cluster to read what it holds, as it is: nothing is written, not even what `start` adds."""
        await self._catalogue.find_without_aliases()

    async def lacking_aliases(self) -> list[str]:
        """The cluster's indices that look like collections and get their alias from `start`."""
        return sorted(physical for physical, alias in (await self._catalogue.lacking_aliases()).items() if alias)

    async def unmarked(self) -> list[str]:
        """Collections, as `index:collection`, whose mapping did not take the marks of transactions, sorted."""
        loaded = await self._catalogue.load_all()
        return sorted(
            f"{index}:{collection}"
            for index, collection, raw in loaded
            if not raw.get("properties", {}).keys() >= MARKS_MAPPING.keys()
        )

    async def everything(self) -> list[tuple[str, str]]:
        """Index and collection of all that the cluster holds but our own records, private indices included, sorted."""
        names = await self._catalogue.every_name()
        return sorted(name for name in names if name[1] != PLACEHOLDER and name[0] != INTERNAL_INDEX)

    async def close(self) -> None:
        """Finish running transactions, then let go."""
        await self._puts.close(self._settings.store_deadline)
        await self._writer.close(self._settings.store_deadline)
        for part in (self._sweeper, self._refresher, self._recovery, self._reader, self._deadlines, self._cluster):
            await part.close()

    async def is_healthy(self) -> bool:
        """See the contract."""
        return await self._cluster.is_answering()

    async def undecided(self) -> list[str]:
        """See the contract."""
        return await self._sweeper.abandoned()

    async def settle(self, name: str) -> None:
        """See the contract."""
        await self._recovery.wait_until_decided(name)

    async def indices(self) -> list[str]:
        """See the contract."""
        return sorted({index for index, _ in await self._catalogue.names()})

    async def collections(self, index: str) -> list[str]:
        """See the contract."""
        names = await self._catalogue.names(index)
        if not names:
            raise api_error("services.storage.unknown_index", index)
        return sorted(collection for _, collection in names if collection != PLACEHOLDER)

    async def create_index(self, index: str) -> None:
        """See the contract."""
        await self._collections.create_index(index)

    async def create_collection(
        self,
        index: str,
        collection: str,
        mappings: dict[str, Any],
        *,
        forgets_removed: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """See the contract."""
        more = resolved(settings or {}) | (FORGETS_REMOVED if forgets_removed else {})
        await self._collections.create_collection(
            index, collection, mappings, forgets_removed=forgets_removed, settings=more
        )

    async def mappings(self, index: str, collection: str) -> dict[str, Any]:
        """See the contract."""
        return await self._collections.mappings(index, collection)

    async def settings(self, index: str, collection: str) -> dict[str, Any]:
        """See the contract."""
        return await self._indices.settings(index, collection)

    async def change_settings(self, index: str, collection: str, settings: Mapping[str, Any]) -> None:
        """See the contract."""
        await self._indices.change_settings(index, collection, settings)

    async def sizes(self, index: str) -> dict[str, int]:
        """See the contract."""
        return await self._indices.sizes(index)

    async def drop_collection(self, index: str, collection: str) -> None:
        """See the contract."""
        await self._collections.drop_collection(index, collection)

    async def drop_index(self, index: str) -> None:
        """See the contract."""
        await self._collections.drop_index(index)

    async def refresh(self, index: str, collection: str) -> None:
        """See the contract."""
        await self._refresher.refresh([(await self._catalogue.find(index, collection)).alias])

    async def _read(self, keys: Iterable[Key]) -> dict[Key, Document]:
        """See the contract."""
        return await self._documents(keys, self._reader.read)

    def read_committed(self, keys: Iterable[Key]) -> Coroutine[Any, Any, dict[Key, Document]]:
        """See the contract."""
        return self._watched("read", self._documents(keys, self._committed.read))

    async def read_collection(self, index: str, collection: str) -> list[Document]:
        """See the contract."""
        return await self._committed.read_collection(index, collection)

    async def _documents(
        self, keys: Iterable[Key], read: Callable[[Iterable[Address]], Awaitable[Found]]
    ) -> dict[Key, Document]:
        """The documents that exist, through one way of reading; a collection that was made anew is looked for once."""
        addresses = {key: ((await self._catalogue.find(key.index, key.collection)).alias, key.id) for key in keys}
        if not addresses:
            return {}
        try:
            found = await read(addresses.values())
        except GoneAlias as gone:
            for key, (alias, _) in addresses.items():
                if alias == gone.args[0]:
                    self._catalogue.forget(key.index, key.collection)
                    await self._catalogue.find(key.index, key.collection)
            found = await read(addresses.values())
        return {
            key: stored.document()
            for key, address in addresses.items()
            if (stored := found.get(address)) is not None and not stored.is_tombstone
        }

    async def _search(self, index: str, collection: str, search: Search) -> SearchResult:
        """See the contract."""
        return await self._searcher.search(index, collection, search)

    async def open_snapshot(self, index: str, collection: str, keep: float) -> str:
        """See the contract: a point in time."""
        return await self._searcher.open_snapshot(index, collection, seconds_text(keep))

    async def close_snapshot(self, name: str) -> None:
        """See the contract."""
        await self._searcher.close_snapshot(name)

    def scan(
        self, index: str, collection: str, query: Query = MATCH_ALL, *, page: int = 1000, sort: Sequence[Sort] = ()
    ) -> AsyncGenerator[list[Document], None]:
        """See the contract."""
        return pages_of(self._searcher.scan(index, collection, query, sort, page), page, is_sorted=bool(sort))

    async def _put(self, puts: Sequence[Put], *, whole: int) -> list[PutResult | ApiError]:
        """See the contract."""
        return await self._puts.put(puts, whole=whole)

    async def _transact(
        self, decide: Decide[T], *, known: Mapping[Key, Document] | None, dry_run: bool, refresh: bool, large: bool
    ) -> T:
        """See the contract."""
        ahead = await read_ahead(decide, self._catalogue, self._reader) if large and not known else known
        job = Job(decide, ahead, dry_run, large)
        self._writer.submit(job)
        result: T = await job.future
        if refresh and job.collections:
            await self._show(job)
        return result

    async def _show(self, job: Job) -> None:
        try:
            await self._refresher.refresh(alias_name(*name) for name in job.collections)
        except ApiError as error:  # the changes are durable: no error may say otherwise
            _log.warning("searches see a change later than its caller asked for", reason=error.message)
