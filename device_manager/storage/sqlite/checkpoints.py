"""Checkpoints in the background, so that no commit waits for one and the write-ahead log stays small (design 6)."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import apsw

from device_manager.storage.sqlite.connections import open_checkpointer
from device_manager.storage.sqlite.writer import Writer

PAGES = 8000
"""Length of the log, in pages, at which a checkpoint starts."""

_log = logging.getLogger(__name__)


class Checkpointer:
    """Copies the log into the database on a thread of its own, then lets the writer finish and restart the log.

    The short second pass runs on the writer between two groups: without it the log would never restart under
    constant load.
    """

    def __init__(self, path: Path) -> None:
        self._connection = open_checkpointer(path)
        self._writer: Writer | None = None
        self._due = threading.Event()
        self._stopping = False
        self._pages = 0
        self._thread = threading.Thread(target=self._run, name="sqlite-checkpoints", daemon=True)

    def watch(self, connection: apsw.Connection) -> None:
        """Learn the length of the log from the writer's connection."""
        connection.set_wal_hook(self._note)

    def start(self, writer: Writer) -> None:
        """Begin to work beside `writer`."""
        self._writer = writer
        self._thread.start()

    def after_commit(self) -> None:
        """Called by the writer after each commit."""
        if self._pages >= PAGES:
            self._due.set()

    def stop(self) -> None:
        """End the thread and close the connection; the writer must still run."""
        self._stopping = True
        self._due.set()
        self._thread.join()
        self._connection.close()

    def _note(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()  # before looking at why: a request to stop may come at any moment
            if self._stopping:
                return
            if self._pages >= PAGES:
                _passive(self._connection)
                self._finish()

    def _finish(self) -> None:
        """Let the writer copy what came meanwhile, and wait for that."""
        finished = threading.Event()

        def last_pass(connection: apsw.Connection) -> None:
            _passive(connection)
            self._pages = 0
            finished.set()

        if self._writer is not None:
            self._writer.aside(last_pass)
            finished.wait()


def _passive(connection: apsw.Connection) -> None:
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.Error as error:  # the log just grows until a later one succeeds
        _log.warning("The write-ahead log could not be copied into the database: %s", error)
