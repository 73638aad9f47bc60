"""One server per directory: a lock file that names its owner (design 6)."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from device_manager.storage.contract import StoreError
from device_manager.storage.sqlite.layout import LOCK


class StoreInUse(StoreError):
    """Another server has the directory; the text names its process id."""


class DirectoryLock:
    """The lock on a store's directory. The kernel lets go of it when the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises StoreInUse when another process, or another store of this one, has it."""
        descriptor = os.open(self._directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            os.close(descriptor)
            raise StoreInUse(
                f"The store in {self._directory} is in use by the server with process id {owner}: one server per "
                "directory. Stop that server, or give this one another directory."
            ) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of the lock; does nothing when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
