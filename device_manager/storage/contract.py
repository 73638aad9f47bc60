"""What every store does, whatever is behind it: the types that cross the line and the abstract `Store`."""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import msgspec

from device_manager.errors import ApiError, api_error
from device_manager.query.search import Search, SearchResult, Sort
from device_manager.query.tree import MATCH_ALL, Query
from device_manager.storage.administration import Administration
from device_manager.storage.puts import Put as Put
from device_manager.storage.puts import PutKind as PutKind
from device_manager.storage.puts import PutResult as PutResult
from device_manager.storage.resetting import reset
from device_manager.storage.steps import RECORDER
from device_manager.storage.watching import Operation, RoundTrips, Watch

T = TypeVar("T")

INTERNAL_INDEX = "device-manager-internal"
"""The index of the product's own records: never listed, never reachable through a request's `index` argument."""

PRIVATE_PREFIX = "%"
"""Begins the names of the other private indices, such as `%kuzzle` with the users (router-protocol 6.1)."""


def is_private(index: str) -> bool:
    """Whether clients never see `index`: it is not listed, and to them it is an unknown index."""
    return index.startswith(PRIVATE_PREFIX) or index == INTERNAL_INDEX


class StoreError(RuntimeError):
    """The store cannot be opened; the text says why and what to do."""


class Key(NamedTuple):
    """The address of a document."""

    index: str  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    collection: str
    id: str


class Document(msgspec.Struct, frozen=True):
    """A document as it was read. `source` is shared: build a new dict to change it, never write into it.

    Attributes:
        id: unique in its collection.
        source: the content, without any marks of the store.
        version: 1 after creation, one more with every write.
        token: what the store needs to recognise this very state; opaque.
    """

    id: str
    source: dict[str, Any]
    version: int
    token: object = None


class ChangeKind(enum.StrEnum):
    """What a transaction did to a document."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Change(NamedTuple):
    """One committed change, as the listeners of `Store.on_commit` get it.

    Of a document that was put, `before` is None when the store did not have to look, and `after` has no token.
    `is_put` tells that it was put by itself, outside of any transaction. `origin` is the value that `ORIGIN` had when
    the write was asked for.
    """

    kind: ChangeKind
    key: Key
    before: Document | None
    after: Document | None
    is_put: bool = False
    origin: object | None = None


class Transaction(Protocol):
    """The view that a decide function has of the store. Nothing here waits; nothing is written before the commit."""

    def read(self, keys: Iterable[Key]) -> dict[Key, Document]:
        """The documents that exist among `keys`, with the changes that this transaction made so far.

        Ask for everything that a step needs in one call: each call may cost one round trip.

        Raises:
            ApiError: `services.storage.unknown_index` or `unknown_collection`.
        """

    def create(self, index: str, collection: str, source: dict[str, Any], id: str | None = None) -> Document:
        """Add a document; without an id it gets a time-ordered one.

        Raises:
            ApiError: `services.storage.document_already_exists`, or what the mapping refuses.
        """

    def replace(self, key: Key, source: dict[str, Any]) -> Document:
        """Give the document `key`, read before in this transaction, a new content.

        Raises:
            ApiError: what the mapping refuses.
        """

    def touch(self, key: Key) -> None:
        """Make the commit depend on `key`, read before, being unchanged, without changing it."""

    def delete(self, key: Key) -> None:
        """Remove the document `key`, read before in this transaction."""


Decide = Callable[[Transaction], T]
CommitListener = Callable[[Sequence[Change]], None]


class Store(Administration):
    """Documents in collections, collections in indices; an engine is an index.

    Reads by id see every acknowledged write at once. Searches see it after a refresh, which happens by itself within
    a second, when a write asked for it, or by `refresh`.

    Attributes:
        watch: looks at what the store is asked; None if nobody does.
    """

    shared: ClassVar[bool] = True
    """Whether other processes may write to the same data."""

    def __init__(self) -> None:
        self.round_trips = RoundTrips()
        self.watch: Watch | None = None
        self._listeners: list[CommitListener] = []

    def on_commit(self, listener: CommitListener) -> None:
        """Call `listener` on the event loop with the changes of every commit, in order, before the writer's answer."""
        self._listeners.append(listener)

    def _tell(self, changes: Sequence[Change]) -> None:
        for listener in self._listeners:
            listener(changes)

    def _watched(self, operation: Operation, answer: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        return answer if self.watch is None else self.watch(operation, answer)

    @abstractmethod
    async def start(self) -> None:
        """Open the store; afterwards every method works."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what runs, then let go of every resource."""

    @abstractmethod
    async def is_healthy(self) -> bool:
        """Whether a read would be answered now, found out within a second."""

    @abstractmethod
    async def undecided(self) -> list[str]:
        """Names of transactions that other processes began and seem to have given up, found out within seconds."""

    @abstractmethod
    async def settle(self, name: str) -> None:
        """Wait until an undecided transaction is decided, taking it back if nobody does anything about it.

        Raises:
            ApiError: `services.storage.unavailable`.
        """

    @abstractmethod
    async def indices(self) -> list[str]:
        """Names of the public indices, sorted."""

    @abstractmethod
    async def collections(self, index: str) -> list[str]:
        """Names of the collections of `index`, sorted. Raises `services.storage.unknown_index`."""

    @abstractmethod
    async def create_index(self, index: str) -> None:
        """Add an empty index. Raises `services.storage.index_already_exists` or `invalid_index_name`."""

    @abstractmethod
    async def create_collection(
        self,
        index: str,
        collection: str,
        mappings: dict[str, Any],
        *,
        forgets_removed: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Create the collection (and its index) or add to the mapping of the existing one.

        Args:
            index: its index.
            collection: its name.
            mappings: `{dynamic?, properties?, _meta?}`.
            forgets_removed: soon after a REMOVE any version is the newest, as `reset` needs it; otherwise that may take
                a minute. A collection that exists already becomes such a one too.
            settings: of a new collection, as `administration.read_settings` gave them.

        Raises:
            ApiError: `services.storage.invalid_index_name`, `invalid_collection_name`, `invalid_mapping` or
                `cannot_change_mapping`.
        """

    @abstractmethod
    async def mappings(self, index: str, collection: str) -> dict[str, Any]:
        """The mapping `{dynamic, properties, _meta?}`, including `_kuzzle_info`."""

    @abstractmethod
    async def drop_collection(self, index: str, collection: str) -> None:
        """Remove the collection with its documents; nothing happens when there is none."""

    @abstractmethod
    async def drop_index(self, index: str) -> None:
        """Remove the index with its collections. Raises `services.storage.unknown_index`."""

    @abstractmethod
    async def refresh(self, index: str, collection: str) -> None:
        """Make every acknowledged write visible to searches."""

    def read(self, keys: Iterable[Key]) -> Coroutine[Any, Any, dict[Key, Document]]:
        """The documents that exist among `keys`, wherever they are, in one round trip.

        Raises:
            ApiError: `services.storage.unknown_index` or `unknown_collection`.
        """
        return self._watched("read", self._read(keys))

    @abstractmethod
    async def _read(self, keys: Iterable[Key]) -> dict[Key, Document]:
        """What `read` does."""

    def read_committed(self, keys: Iterable[Key]) -> Coroutine[Any, Any, dict[Key, Document]]:
        """As `read`, without what undecided transactions wrote: such a document is as it was before."""
        return self._watched("read", self._read(keys))

    async def read_collection(self, index: str, collection: str) -> list[Document]:
        """Every document of a small collection as `read_committed` sees it, all that was acknowledged included."""
        await self.refresh(index, collection)
        return [document async for page in self.scan(index, collection) for document in page]

    async def get(self, index: str, collection: str, id: str) -> Document:
        """One document. Raises `services.storage.not_found` and what `read` raises."""
        key = Key(index, collection, id)
        document = (await self.read((key,))).get(key)
        if document is None:
            raise api_error("services.storage.not_found", id, index, collection)
        return document

    def search(self, index: str, collection: str, search: Search) -> Coroutine[Any, Any, SearchResult]:
        """Run `search`, one round trip. The total is exact.

        Raises:
            ApiError: a 400 that names the clause when this store cannot run it; `services.storage.unknown_index` or
                `unknown_collection`; `services.storage.unknown_scroll_id` for a snapshot that is gone.
        """
        return self._watched("search", self._search(index, collection, search))

    @abstractmethod
    async def _search(self, index: str, collection: str, search: Search) -> SearchResult:
        """What `search` does."""

    @abstractmethod
    async def open_snapshot(self, index: str, collection: str, keep: float) -> str:
        """Keep a collection as it is now, with what searches see of it, for searches that any process may make.

        A store that cannot keep one, and says "", shows documents as they are, each at most once, because no document
        ever changes its place: then one that changes between two searches shows as it is when its place comes.

        Args:
            index: which index.
            collection: which collection of it.
            keep: for how many seconds from now.

        Returns:
            The name for `Search.snapshot`; each search answers with the name for the next one.

        Raises:
            ApiError: `services.storage.unknown_index` or `unknown_collection`.
        """

    @abstractmethod
    async def close_snapshot(self, name: str) -> None:
        """Let go of a snapshot before its time; does nothing when it is gone."""

    @abstractmethod
    def scan(
        self, index: str, collection: str, query: Query = MATCH_ALL, *, page: int = 1000, sort: Sequence[Sort] = ()
    ) -> AsyncGenerator[list[Document], None]:
        """Every document that matches, as of now, in constant memory; n documents cost ceil(n / page) reads.

        Close the iterator (`contextlib.aclosing`) to end it early: it holds a snapshot.

        Args:
            index: which index.
            collection: which collection of it.
            query: which documents.
            page: documents of each list but the last, which may be shorter.
            sort: in which order; documents with equal values come in the order of their ids, as long as no more than
                `scanning.MOST_EQUAL` are equal. Without it they come in no particular order.

        Raises:
            ApiError: a 400 that names what this store cannot run; `services.storage.unknown_index` or
                `unknown_collection`; `services.storage.unavailable`.
        """

    def put(self, puts: Sequence[Put], *, whole: int = 0) -> Coroutine[Any, Any, list[PutResult | ApiError]]:
        """Make writes of which each stands alone, all in one round trip that concurrent callers may share.

        They are made in the given order where they are about one document. A put sent again after an error without an
        answer does no harm, but may be told EXISTS or STALE by its own first attempt.

        Args:
            puts: the writes.
            whole: how many of them, from the first on, have to be acceptable: what refuses one of these is raised, and
                nothing is written.

        Returns:
            What became of each put, in order. An error is what refuses this one alone: its mapping, its id, an index or
            a collection that does not exist.

        Raises:
            ApiError: what refuses one of the first `whole` puts; `services.storage.unavailable` (503) when the store
                cannot be reached within the deadline, or refuses some of the puts until then; which of them are written
                is not known.
        """
        return self._watched("put", self._put(puts, whole=whole))

    @abstractmethod
    async def _put(self, puts: Sequence[Put], *, whole: int) -> list[PutResult | ApiError]:
        """What `put` does."""

    async def reset(self, puts: Sequence[Put]) -> list[PutResult | ApiError]:
        """Make NEWEST puts although higher versions may be stored: those are removed first (transactions 2, B6).

        A document that somebody else puts meanwhile competes as always, so the result may be OLDER. It takes some
        tenths of a second on a store that remembers removed documents for a while, and the collections have to be ones
        that were created with `forgets_removed`.

        Raises:
            ApiError: what `put` raises; when it does, some documents may be removed and not written.
        """
        return await reset(self, puts)

    def transact(
        self,
        decide: Decide[T],
        *,
        known: Mapping[Key, Document] | None = None,
        dry_run: bool = False,
        refresh: bool = False,
        large: bool = False,
    ) -> Coroutine[Any, Any, T]:
        """Run `decide` and apply all the changes that it made, or none; return what it returned once they are durable.

        `decide` is pure: it reads through the transaction, decides, and writes through it. It may run several times
        (because it asked for documents that were not at hand yet, or because another writer was faster), so it must
        keep nothing from one run to the next and must do no I/O. What it raises ends the transaction, nothing written.
        Documents that it only reads may change before the commit unless it touches them.

        Args:
            decide: the decision.
            known: documents read a moment ago, used instead of reading them again. A stale one costs a retry.
            dry_run: run `decide`, write nothing.
            refresh: return only when the changes are visible to searches.
            large: `decide` works on hundreds of documents or more: run it beside the event loop, so that other requests
                are answered meanwhile. Other transactions may wait for it.

        Raises:
            ApiError: what `decide` raised; `services.storage.too_many_changes` (409) after the bounded number of
                retries; `services.storage.unavailable` (503) when the store cannot be reached within the deadline.
        """
        recorder = RECORDER.get()
        if recorder is not None and not dry_run:
            decide = recorder.recording(decide)
        return self._watched(
            "commit", self._transact(decide, known=known, dry_run=dry_run, refresh=refresh, large=large)
        )

    @abstractmethod
    async def _transact(
        self, decide: Decide[T], *, known: Mapping[Key, Document] | None, dry_run: bool, refresh: bool, large: bool
    ) -> T:
        """What `transact` does, once it is known what has to be recorded."""
