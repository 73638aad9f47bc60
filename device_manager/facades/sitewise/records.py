"""What clients keep here that has no native counterpart: records in the private index, of one engine each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from device_manager.errors import ApiError, api_error
from device_manager.query.search import Search, Sort
from device_manager.query.tree import Bool, Query, Term
from device_manager.security.places import Collections, Place
from device_manager.storage.contract import INTERNAL_INDEX, Key, Store, Transaction
from device_manager.storage.removal import remove_matching
from device_manager.storage.stamps import Source, Stamp, changed, created, stamp_now

T = TypeVar("T")

RECORDS = Place(
    INTERNAL_INDEX,
    "sitewise",
    {
        "dynamic": "false",
        "properties": {
            "engine": {"type": "keyword"},
            "kind": {"type": "keyword"},
            "parent": {"type": "keyword"},
            "about": {"type": "keyword"},
        },
    },
)
CREATED = "_kuzzle_info.createdAt"


class Record(NamedTuple):
    """A record as it was read; times are milliseconds since 1970."""

    id: str
    parent: str
    content: Source
    created_at: int
    updated_at: int


class Writing:
    """The records of an engine inside of one transaction: what is read is what the decision rests on.

    Args:
        tx: the transaction.
        engine: whose records.
        stamp: who changes them, and when.

    Attributes:
        tx, engine: see above.
        now: milliseconds since 1970.
    """

    def __init__(self, tx: Transaction, engine: str, stamp: Stamp) -> None:
        self.tx = tx
        self.engine = engine
        self.now = stamp.now
        self._stamp = stamp

    def read(self, kind: str, ids: Iterable[str]) -> dict[str, Record]:
        """Those records that are there, by id."""
        documents = self.tx.read([record_key(self.engine, kind, id) for id in ids])
        records = map(_record, documents.values())
        return {record.id: record for record in records}

    def create(self, kind: str, id: str, content: Source, *, parent: str = "", about: str = "") -> None:
        """Add a record. Raises `services.storage.document_already_exists`."""
        key = record_key(self.engine, kind, id)
        self.tx.create(key.index, key.collection, self._source(kind, id, content, parent, about), key.id)

    def put(self, kind: str, id: str, content: Source, *, parent: str = "", about: str = "") -> None:
        """Add a record, which begins anew if it is there."""
        if id in self.read(kind, (id,)):
            self.tx.replace(record_key(self.engine, kind, id), self._source(kind, id, content, parent, about))
        else:
            self.create(kind, id, content, parent=parent, about=about)

    def change(self, kind: str, id: str, content: Source) -> None:
        """Give a record that was read another content."""
        key = record_key(self.engine, kind, id)
        self.tx.replace(key, changed(self.tx.read((key,))[key].source | {"content": content}, self._stamp))

    def touch(self, kind: str, id: str) -> None:
        """Let the commit depend on a record that was read: nobody may change it meanwhile."""
        self.tx.touch(record_key(self.engine, kind, id))

    def delete(self, kind: str, id: str) -> None:
        """Remove a record; nothing happens when there is none."""
        if id in self.read(kind, (id,)):
            self.tx.delete(record_key(self.engine, kind, id))

    def _source(self, kind: str, id: str, content: Source, parent: str, about: str) -> Source:
        source = {"engine": self.engine, "kind": kind, "id": id, "parent": parent, "about": about, "content": content}
        return created(source, self._stamp)


class Records:
    """Reads and writes records.

    Args:
        store: where they are.
        collections: makes their collection.
    """

    def __init__(self, store: Store, collections: Collections) -> None:
        self._store = store
        self._collections = collections

    async def get(self, engine: str, kind: str, id: str) -> Record | None:
        """One record, None when there is none."""
        await self._collections.ready(RECORDS)
        key = record_key(engine, kind, id)
        document = (await self._store.read((key,))).get(key)
        return None if document is None else _record(document)

    async def get_many(self, engine: str, kind: str, ids: Iterable[str]) -> dict[str, Record]:
        """Those records that are there, by id: one round trip."""
        await self._collections.ready(RECORDS)
        documents = await self._store.read([record_key(engine, kind, id) for id in ids])
        records = map(_record, documents.values())
        return {record.id: record for record in records}

    async def decide(self, engine: str, user: str, decide: Callable[[Writing], T], *, shown: bool = True) -> T:
        """Run `decide` on the records of an engine in one transaction, and return what it returns.

        Args:
            engine: whose records.
            user: who changes them.
            decide: a pure function, which may run several times.
            shown: wait until lists show the changes.

        Raises:
            ApiError: what `Store.transact` raises; and what `decide` raises, with nothing written.
        """
        await self._collections.ready(RECORDS)
        stamp = stamp_now(user)
        return await self._store.transact(lambda tx: decide(Writing(tx, engine, stamp)), refresh=shown)

    async def create(self, engine: str, kind: str, id: str, content: Source, user: str, *, parent: str = "") -> None:
        """Add a record.

        Args:
            engine: whose it is.
            kind: what it is.
            id: unique within the kind.
            content: what it says.
            user: who makes it.
            parent: a text by which `page` finds the records that belong together.

        Raises:
            ApiError: `services.storage.document_already_exists`.
        """
        await self.decide(engine, user, lambda writing: writing.create(kind, id, content, parent=parent))

    async def change(
        self, engine: str, kind: str, id: str, decide: Callable[[Source], Source | None], user: str
    ) -> None:
        """Give a record the content that `decide` makes of the present one; with None it goes.

        Raises:
            ApiError: `services.storage.not_found`, and what `decide` raises.
        """

        def write(writing: Writing) -> None:
            record = writing.read(kind, (id,)).get(id)
            if record is None:
                raise api_error("services.storage.not_found", id, RECORDS.index, kind)
            content = decide(record.content)
            if content is None:
                writing.delete(kind, id)
            else:
                writing.change(kind, id, content)

        await self.decide(engine, user, write)

    async def page(
        self,
        engine: str,
        kind: str,
        size: int,
        after: Sequence[Any] | None,
        *,
        parent: str | None = None,
        clauses: Sequence[Query] = (),
    ) -> list[Record]:
        """Records in the order of their creation.

        Args:
            engine: whose they are.
            kind: what they are.
            size: most records.
            after: the `place` of the record before; None begins with the first.
            parent: only those of this one; None for all.
            clauses: what they have to satisfy beside.
        """
        await self._collections.ready(RECORDS)
        search = Search(
            query=Bool(filter=(_query(engine, kind, parent), *clauses)),
            size=size,
            sort=(Sort(CREATED), Sort("_id")),
            search_after=None if after is None else tuple(after),
        )
        found = await self._store.search(RECORDS.index, RECORDS.collection, search)
        return [_record(document) for document in found.hits]

    async def count(self, engine: str, kind: str, *, parent: str | None = None, about: str | None = None) -> int:
        """How many there are: of a parent, or about something, when these are said."""
        await self._collections.ready(RECORDS)
        search = Search(query=_query(engine, kind, parent, about), size=0)
        return (await self._store.search(RECORDS.index, RECORDS.collection, search)).total

    async def remove_of_engine(self, engine: str) -> None:
        """Remove the records of an engine that is gone."""
        try:
            await remove_matching(self._store, RECORDS.index, RECORDS.collection, Term("engine", engine))
        except ApiError as error:
            if not error.is_unknown_place:
                raise


def record_key(engine: str, kind: str, id: str) -> Key:
    """Where a record is."""
    return RECORDS.key(f"{engine}:{kind}:{id}")


def place_of(engine: str, kind: str, record: Record) -> list[Any]:
    """The place of a record in the order of `Records.page`."""
    return [record.created_at, record_key(engine, kind, record.id).id]


def _query(engine: str, kind: str, parent: str | None, about: str | None = None) -> Query:
    clauses = [Term("engine", engine), Term("kind", kind)]
    clauses += [Term(name, value) for name, value in (("parent", parent), ("about", about)) if value is not None]
    return Bool(filter=tuple(clauses))


def _record(document: Any) -> Record:
    source: Source = document.source
    info = source["_kuzzle_info"]
    updated_at = info["updatedAt"] or info["createdAt"]
    return Record(source["id"], source["parent"], source["content"], info["createdAt"], updated_at)
