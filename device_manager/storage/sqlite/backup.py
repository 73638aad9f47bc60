"""A copy of the embedded store's file, made while a server writes to it (design 6)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import apsw

from device_manager.storage.contract import StoreError
from device_manager.storage.sqlite.connections import check_owner, open_reader
from device_manager.storage.sqlite.layout import DATABASE

STEP_PAGES = 2000
"""Pages that are copied between two reports of progress, 8 MB."""
PARTIAL = ".partial"

Report = Callable[[int, int], None]
"""Told how many of how many pages are copied."""


class BackupFailed(StoreError):
    """The copy was not made; the text says why. Nothing is left of it."""


def backup(directory: Path, file: Path, report: Report) -> int:
    """Copy the store in `directory` as it is at this moment to `file`, which must not exist; its size in bytes.

    A server may have the store open and go on writing: it is neither slowed down nor waited for, only its log grows
    while the copy is made. The file appears under its name once it is complete, checked and on the disk.

    Raises:
        BackupFailed: no store there, a file that exists, an unreadable store, a full disk.
    """
    source = directory / DATABASE
    if not source.is_file():
        raise BackupFailed(f"There is no store in {directory}: it has no file {DATABASE}.")
    if file.exists():
        raise BackupFailed(f"{file} exists already: a backup never overwrites anything.")
    partial = file.with_name(file.name + PARTIAL)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        _copy(source, partial, report)
        _sync(partial)
        partial.rename(file)
        _sync(file.parent)
    except (apsw.Error, OSError) as error:
        partial.unlink(missing_ok=True)
        raise BackupFailed(f"The backup to {file} failed: {error}") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return file.stat().st_size


def _copy(source: Path, target: Path, report: Report) -> None:
    reader, writer = open_reader(source), apsw.Connection(str(target))
    try:
        check_owner(reader, source)
        # A transaction pins what is copied: otherwise each commit of the server would start the copy anew.
        reader.execute("BEGIN; SELECT count(*) FROM counter").fetchall()
        with writer.backup("main", reader, "main") as copying:
            while not copying.done:
                copying.step(STEP_PAGES)
                report(copying.page_count - copying.remaining, copying.page_count)
        writer.execute("PRAGMA journal_mode = DELETE").fetchall()  # one file that can be copied and read anywhere
        verdict = writer.execute("PRAGMA quick_check(1)").get
        if verdict != "ok":
            raise BackupFailed(f"The copy of {source} is damaged, so the store is: {verdict}")
    finally:
        reader.close()
        writer.close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
