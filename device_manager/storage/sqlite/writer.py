"""The one thread that writes: groups of transactions in one commit each, of which every one is whole or absent."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any

import apsw

from device_manager.storage.sqlite.work import Work, merge

Outcome = BaseException | None
"""None: committed. `Stale`: the transaction has to be decided again. Anything else: it failed with this."""

Job = Callable[[apsw.Connection], None]

_CHECK_ROW = "SELECT count(*) FROM doc WHERE rid = ? AND seq = ?"
_INSERT_ROW = "INSERT INTO doc (rid, cid, id, version, seq, revision, source) VALUES (?, ?, ?, ?, ?, ?, jsonb(?))"
_UPDATE_ROW = "UPDATE doc SET version = ?, seq = ?, revision = ?, source = jsonb(?) WHERE rid = ? AND seq = ?"
_REMOVE_ROW = "DELETE FROM doc WHERE rid = ? AND seq = ?"
_INSERT_TERM = "INSERT OR IGNORE INTO term (f, v, rid) VALUES (?, ?, ?)"
_REMOVE_TERM = "DELETE FROM term WHERE f = ? AND v = ? AND rid = ?"


class Stale(Exception):
    """A document is not in the state that the transaction was decided on."""


class Writer:
    """Runs groups and jobs one after the other, in the order in which they were handed over."""

    def __init__(self, connection: apsw.Connection, after_commit: Callable[[], None]) -> None:
        """Take over `connection`; `after_commit` is called on the writer's thread after each commit."""
        self._connection = connection
        self._after_commit = after_commit
        self._queue: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    def commit(self, group: Iterable[Work], next_seq: int, done: Callable[[list[Outcome]], object]) -> None:
        """Write a group; `done` gets an outcome for each transaction, on the writer's thread.

        Args:
            group: the transactions.
            next_seq: no write of the group has this number or a higher one.
            done: called when the group is durable or has failed.
        """
        works = list(group)
        self._queue.put(lambda: done(self._commit(works, next_seq)))

    def run(self, job: Job, done: Callable[[Outcome], object]) -> None:
        """Run a job in a transaction of its own; `done` is called on the writer's thread."""
        self._queue.put(lambda: done(self._job(job)))

    def aside(self, job: Job) -> None:
        """Run a job outside of any transaction, between two groups."""
        self._queue.put(lambda: job(self._connection))

    def stop(self) -> None:
        """Finish what is queued, end the thread, close the connection."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while (step := self._queue.get()) is not None:
            step()

    def _job(self, job: Job) -> Outcome:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            job(self._connection)
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            return error
        self._after_commit()
        return None

    def _commit(self, group: list[Work], next_seq: int) -> list[Outcome]:
        """Try the group as one piece of work, which nearly always succeeds, then its transactions one by one."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            merged = len(group) > 1 and self._apply(merge(group)) is None
            outcomes: list[Outcome] = [None] * len(group)
            if not merged:
                outcomes = [self._apply(work) for work in group]
            self._connection.execute("UPDATE counter SET value = ? WHERE name = 'seq'", (next_seq,))
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            return [error] * len(group)
        self._after_commit()
        return outcomes

    def _roll_back(self) -> None:
        """End a failed transaction; SQLite has often done it already."""
        with contextlib.suppress(apsw.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _apply(self, work: Work) -> Outcome:
        """Write one transaction or none of it. Raises what has undone the whole group."""
        connection = self._connection
        connection.execute("SAVEPOINT one")
        try:
            self._write(work)
        except (Stale, apsw.ConstraintError) as error:
            connection.execute("ROLLBACK TO one")
            connection.execute("RELEASE one")
            return error if isinstance(error, Stale) else Stale(str(error))
        except (apsw.TooBigError, apsw.MismatchError) as error:
            connection.execute("ROLLBACK TO one")
            connection.execute("RELEASE one")
            return error
        connection.execute("RELEASE one")
        return None

    def _write(self, work: Work) -> None:
        connection = self._connection
        for row in work.touches:
            if not connection.execute(_CHECK_ROW, row).get:
                raise Stale
        if work.inserts:
            connection.executemany(_INSERT_ROW, work.inserts)
        self._counted(_UPDATE_ROW, work.updates)
        self._counted(_REMOVE_ROW, work.removals)
        if work.old_terms:
            connection.executemany(_REMOVE_TERM, work.old_terms)
        if work.new_terms:
            connection.executemany(_INSERT_TERM, work.new_terms)

    def _counted(self, statement: str, rows: list[Any]) -> None:
        """Run a statement that has to change exactly one row for each of `rows`. Raises Stale."""
        if rows:
            before = self._connection.total_changes()
            self._connection.executemany(statement, rows)
            if self._connection.total_changes() - before != len(rows):
                raise Stale
