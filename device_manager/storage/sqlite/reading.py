"""Reading documents: by id on the event loop, what may take long in threads with connections of their own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw
import orjson

from device_manager.errors import api_error
from device_manager.query.fragments import Fragment
from device_manager.storage.contract import Document
from device_manager.storage.sqlite.catalogue import Collection
from device_manager.storage.sqlite.connections import open_reader, out_of_service
from device_manager.storage.sqlite.recent import RecentRows
from device_manager.storage.sqlite.work import RowState

T = TypeVar("T")

THREADS = 4
"""Searches and pages of scans that run at once; further ones wait."""

INTERRUPT_EVERY = 0.05
"""Seconds between two attempts to interrupt a call that is over its deadline."""

FEW = 2
"""Up to so many documents are read by one statement each; more come as one text, like `fetch_rows` brings them."""

_GET = "SELECT id, rid, version, seq, revision, json(source) FROM doc WHERE cid = ? AND id = ?"
_GET_MANY = (
    "SELECT json_group_array(json_array(doc.id, rid, version, seq, revision, json(source))) "
    "FROM json_each(?) AS wanted CROSS JOIN doc ON doc.cid = ? AND doc.id = wanted.value"
)


def document_of(row: Sequence[Any]) -> Document:
    """The document in a row of (id, rid, version, seq, revision, source as JSON text)."""
    id, rid, version, seq, revision, source = row
    return Document(id, orjson.loads(source), version, RowState(rid, seq, revision))


def read_documents(
    connection: apsw.Connection, collection: Collection, ids: Sequence[str], recent: RecentRows | None = None
) -> list[Document]:
    """The documents of `collection` that exist among `ids`, which are distinct.

    Args:
        connection: reads the file.
        collection: where they are.
        ids: which ones.
        recent: knows some of them, and gets to know those that are read one by one.

    Raises:
        ApiError: `services.storage.unavailable`.
    """
    found: list[Document] = []
    if recent is not None:
        known = [(id, recent.get((collection.cid, id))) for id in ids]
        found = [document_of(row) for _, row in known if row is not None]
        ids = [id for id, row in known if row is None]
    try:
        if len(ids) > FEW:
            return found + _read_many(connection, collection, ids)
        rows = [row for id in ids for row in connection.execute(_GET, (collection.cid, id))]
    except apsw.Error as error:
        raise out_of_service(error) or error from error
    if recent is not None:
        for row in rows:
            recent.keep((collection.cid, row[0]), row)
    return found + [document_of(row) for row in rows]


def _read_many(connection: apsw.Connection, collection: Collection, ids: Sequence[str]) -> list[Document]:
    text = connection.execute(_GET_MANY, (orjson.dumps(ids).decode(), collection.cid)).get
    return [
        Document(id, source, version, RowState(rid, seq, revision))
        for id, rid, version, seq, revision, source in orjson.loads(text)
    ]


def fetch_rows(connection: apsw.Connection, statement: Fragment, columns: int) -> list[Sequence[Any]]:
    """All rows of a statement, brought over as one text.

    The interpreter's lock changes hands at each row that is fetched in a thread: beside a busy event loop a page of
    1,000 rows takes a hundred times longer than one row.
    """
    names = ", ".join(f"c{place}" for place in range(columns))
    sql = f"WITH r({names}) AS ({statement.sql}) SELECT json_group_array(json_array({names})) FROM r"  # noqa: S608
    text = connection.execute(sql, statement.parameters).get
    rows: list[Sequence[Any]] = orjson.loads(text)
    return rows


class _Watched:
    """A call in a thread that the event loop can stop whenever it likes, before it has begun too."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._stopped = False
        self._again: asyncio.TimerHandle | None = None

    def call(self, call: Callable[[apsw.Connection], T]) -> T:
        if self._stopped:
            raise apsw.InterruptError("stopped before it began")
        return call(self._connection)

    def stop(self) -> None:
        """Interrupt what runs, again and again: an interruption between two statements has no effect."""
        self._stopped = True
        self.done()
        self._connection.interrupt()
        self._again = asyncio.get_running_loop().call_later(INTERRUPT_EVERY, self.stop)

    def done(self) -> None:
        """Stop interrupting."""
        if self._again is not None:
            self._again.cancel()


class ReaderPool:
    """Threads that search, each call with a connection of its own, so that the event loop never waits for one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sqlite-reader")
        self._idle: list[apsw.Connection] = []

    async def run(self, call: Callable[[apsw.Connection], T], deadline: float) -> T:
        """Run `call` with a connection in a thread.

        Args:
            call: what to do; statements of it are interrupted at the deadline.
            deadline: seconds.

        Raises:
            ApiError: `services.storage.unavailable` when it took longer than the deadline or the file cannot be read.
        """
        with self.connection() as connection:
            return await self.run_on(connection, call, deadline)

    async def run_on(self, connection: apsw.Connection, call: Callable[[apsw.Connection], T], deadline: float) -> T:
        """Like `run`, with a connection that the caller holds."""
        watched = _Watched(connection)
        running = asyncio.get_running_loop().run_in_executor(self._threads, watched.call, call)
        timer = asyncio.get_running_loop().call_later(deadline, watched.stop)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            watched.stop()
            await asyncio.wait({running})
            running.exception()  # taken note of: nobody waits for it any more
            raise
        except apsw.InterruptError as error:
            raise api_error(
                "services.storage.unavailable", f"a search took longer than {deadline:g} s and was stopped."
            ) from error
        except apsw.Error as error:
            raise out_of_service(error) or error from error
        finally:
            timer.cancel()
            watched.done()

    @contextlib.contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        """A connection to hold for a while, for a snapshot."""
        connection = self._idle.pop() if self._idle else open_reader(self._path)
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if len(self._idle) < THREADS:
                self._idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Wait for what runs, then close all connections."""
        self._threads.shutdown()
        for connection in self._idle:
            connection.close()
        self._idle.clear()


def distinct_by_collection(keys: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], list[str]]:
    """The distinct ids of `keys` by (index, collection)."""
    ids: dict[tuple[str, str], dict[str, None]] = {}
    for index, collection, id in keys:
        ids.setdefault((index, collection), {})[id] = None
    return {place: list(found) for place, found in ids.items()}
