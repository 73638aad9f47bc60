"""Opening the database file and telling what its errors mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from device_manager.errors import ApiError, api_error
from device_manager.query.sql import TABLES as SEARCH_TABLES
from device_manager.storage.contract import StoreError
from device_manager.storage.sqlite.layout import APPLICATION_ID, SCHEMA_VERSION, TABLES

BUSY_MILLISECONDS = 1000
"""How long a statement waits for a lock of another process, such as a backup or a command line shell."""

WRITER_CACHE_KIB = 65_536
READER_CACHE_KIB = 16_384
WAL_KEPT_BYTES = 64 << 20

_OUT_OF_SERVICE = (
    apsw.FullError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.NoMemError,
    apsw.InterruptError,
    apsw.PermissionsError,
)


class UnusableStore(StoreError):
    """The file is no store that this version can open; the text says why."""


def open_writer(path: Path) -> apsw.Connection:
    """The one connection that writes. Creates the tables in an empty file.

    Raises:
        UnusableStore: the file belongs to something else or to a newer version.
        apsw.Error: the file cannot be opened.
    """
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        check_owner(connection, path)
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "secure_delete = OFF",
            "temp_store = MEMORY",
            "wal_autocheckpoint = 0",
            f"journal_size_limit = {WAL_KEPT_BYTES}",
            f"cache_size = -{WRITER_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        if _number(connection, "user_version") == 0:
            with connection:
                connection.execute(TABLES)
    except BaseException:
        connection.close()
        raise
    return connection


def check_owner(connection: apsw.Connection, path: Path) -> None:
    """Refuse files of others and of newer versions. Raises UnusableStore."""
    try:
        owner, version = _number(connection, "application_id"), _number(connection, "user_version")
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    except apsw.NotADBError as error:
        raise UnusableStore(f"{path} is not a database of this product.") from error
    if owner != APPLICATION_ID and tables:
        raise UnusableStore(f"{path} is a database of something else.")
    if version > SCHEMA_VERSION:
        raise UnusableStore(
            f"{path} was written by a newer version of the device manager (tables version {version}, this one knows "
            f"{SCHEMA_VERSION}). Start that version, or give this one another directory."
        )


def _number(connection: apsw.Connection, pragma: str) -> int:
    value = connection.pragma(pragma)
    return value if isinstance(value, int) else 0


def open_reader(path: Path) -> apsw.Connection:
    """A connection that cannot write. Each statement outside a transaction sees the newest commit."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    connection.convert_binding = _bound_function
    connection.create_scalar_function("has_value", _call, 2)
    connection.create_scalar_function("has_source", _call, 3)
    connection.create_scalar_function("rounded", _call, 2)
    connection.create_scalar_function("values_of", _call, 2)
    connection.execute(SEARCH_TABLES)
    return connection


def _bound_function(cursor: apsw.Cursor, number: int, value: Any) -> Any:
    """Functions travel in parameters as they are, see `query.fragments`."""
    return apsw.pyobject(value)


def _call(*arguments: Any) -> Any:
    """Ask the function that is the first argument."""
    function, *values = arguments
    return function(*values)


def open_checkpointer(path: Path) -> apsw.Connection:
    """A connection for checkpoints beside the writer."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    connection.execute("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL").fetchall()
    return connection


def out_of_service(error: apsw.Error) -> ApiError | None:
    """The 503 for a failure of the machine: disk full, locked, unreadable; None for any other error."""
    if isinstance(error, _OUT_OF_SERVICE):
        return api_error("services.storage.unavailable", f"{error}")
    return None
