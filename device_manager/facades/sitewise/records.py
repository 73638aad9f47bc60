"""What clients keep here that has no native counterpart: records in the private index, of one engine each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from device_manager.errors import ApiError, api_error
from device_manager.query.search import Search, Sort
from device_manager.query.tree import Bool, Query, Term
from device_manager.security.places import Collections, Place
from device_manager.storage.contract import INTERNAL_INDEX, Key, Store, Transaction
from device_manager.storage.removal import remove_matching
from device_manager.storage.stamps import Source, changed, created, stamp_now

RECORDS = Place(
    INTERNAL_INDEX,
    "sitewise",
    {
        "dynamic": "false",
        "properties": {"engine": {"type": "keyword"}, "kind": {"type": "keyword"}, "parent": {"type": "keyword"}},
    },
)
CREATED = "_kuzzle_info.createdAt"


class Claim(NamedTuple):
    """A record that somebody wants to make, under an id that may be taken."""

    kind: str
    id: str
    content: Source
    parent: str = ""


class TakenError(Exception):
    """An id is taken.

    Attributes:
        record: by this one.
    """

    def __init__(self, record: Record) -> None:
        super().__init__(f"{record.id} is taken.")
        self.record = record


class Record(NamedTuple):
    """A record as it was read; times are milliseconds since 1970."""

    id: str
    parent: str
    content: Source
    created_at: int
    updated_at: int


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

    async def claim(self, engine: str, claims: Sequence[Claim], user: str, is_stale: Callable[[Record], bool]) -> None:
        """Make records, all or none; what is there already gives way if it is stale.

        Raises:
            TakenError: what is there does not give way.
        """
        await self._collections.ready(RECORDS)
        wanted = {record_key(engine, claim.kind, claim.id): claim for claim in claims}
        stamp = stamp_now(user)

        def write(tx: Transaction) -> None:
            stored = tx.read(wanted)
            for key, claim in wanted.items():
                source = created({"engine": engine, **claim._asdict()}, stamp)
                document = stored.get(key)
                if document is None:
                    tx.create(key.index, key.collection, source, key.id)
                    continue
                if not is_stale(_record(document)):
                    raise TakenError(_record(document))
                tx.replace(key, source)

        await self._store.transact(write, refresh=True)

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
        await self._collections.ready(RECORDS)
        key = record_key(engine, kind, id)
        source = {"engine": engine, "kind": kind, "id": id, "parent": parent, "content": content}
        stamped = created(source, stamp_now(user))
        await self._store.transact(lambda tx: tx.create(key.index, key.collection, stamped, key.id), refresh=True)

    async def change(
        self, engine: str, kind: str, id: str, decide: Callable[[Source], Source | None], user: str
    ) -> None:
        """Give a record the content that `decide` makes of the present one; with None it goes.

        Raises:
            ApiError: `services.storage.not_found`, and what `decide` raises.
        """
        await self._collections.ready(RECORDS)
        key, stamp = record_key(engine, kind, id), stamp_now(user)

        def write(tx: Transaction) -> None:
            document = tx.read((key,)).get(key)
            if document is None:
                raise api_error("services.storage.not_found", id, key.index, kind)
            content = decide(document.source["content"])
            if content is None:
                tx.delete(key)
            else:
                tx.replace(key, changed(document.source | {"content": content}, stamp))

        await self._store.transact(write, refresh=True)

    async def page(
        self, engine: str, kind: str, size: int, after: Sequence[Any] | None, *, parent: str | None = None
    ) -> list[Record]:
        """Records in the order of their creation.

        Args:
            engine: whose they are.
            kind: what they are.
            size: most records.
            after: the `place` of the record before; None begins with the first.
            parent: only those of this one; None for all.
        """
        await self._collections.ready(RECORDS)
        search = Search(
            query=_query(engine, kind, parent),
            size=size,
            sort=(Sort(CREATED), Sort("_id")),
            search_after=None if after is None else tuple(after),
        )
        found = await self._store.search(RECORDS.index, RECORDS.collection, search)
        return [_record(document) for document in found.hits]

    async def count(self, engine: str, kind: str, *, parent: str | None = None) -> int:
        """How many there are."""
        await self._collections.ready(RECORDS)
        search = Search(query=_query(engine, kind, parent), size=0)
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


def _query(engine: str, kind: str, parent: str | None) -> Query:
    clauses = [Term("engine", engine), Term("kind", kind)]
    if parent is not None:
        clauses.append(Term("parent", parent))
    return Bool(filter=tuple(clauses))


def _record(document: Any) -> Record:
    source: Source = document.source
    info = source["_kuzzle_info"]
    updated_at = info["updatedAt"] or info["createdAt"]
    return Record(source["id"], source["parent"], source["content"], info["createdAt"], updated_at)
