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
    """The lock on a directory. The kernel lets go of it when the process ends, however it ends.

    Args:
        directory: exists when the lock is acquired.
        name: of the file.
        what: is in the directory, for the message.
    """

    def __init__(self, directory: Path, name: str = LOCK, what: str = "store") -> None:
        self._directory = directory
        self._name = name
        self._what = what
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises StoreInUse when another process, or another store of this one, has it."""
        descriptor = os.open(self._directory / self._name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            os.close(descriptor)
            raise StoreInUse(
                f"The {self._what} in {self._directory} is in use by the server with process id {owner}: one server "
                "per directory. Stop that server, or give this one another directory."
            ) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of the lock; does nothing when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
