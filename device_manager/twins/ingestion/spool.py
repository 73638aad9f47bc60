"""A bounded queue on disk that survives the process: lines in numbered files, appended in groups (design 9)."""

from __future__ import annotations

import asyncio
import os
import zlib
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import structlog

from device_manager.errors import api_error
from device_manager.storage.sqlite.lock import DirectoryLock

SEGMENT_BYTES = 4 << 20
"""Size at which a new file is begun; a file is removed as a whole once all of it was taken."""
LOCK = "spool.lock"
PATTERN = "payloads-*.spool"
ASIDE = "failed.jsonl"
"""Texts that were taken out and failed for a reason that nobody foresaw."""

log = structlog.get_logger("spool")


class Spool:
    """Texts that wait on disk, first in, first out. `append` returns when the disk has the text.

    A line is the CRC of a text and the text. What a crash left half-written was never acknowledged and is left out.

    Args:
        directory: made when it is missing; one process has it at a time.
        limit: bytes that all files may have together.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        self._directory = directory
        self._limit = limit
        self._lock = DirectoryLock(directory, LOCK, "spool")
        self._segments: deque[Path] = deque()
        self._number = 0
        self._descriptor: int | None = None
        self._segment_size = 0
        self._is_wanted = False
        self._size = 0
        self._pending: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Take over what an earlier process left. Raises `StoreInUse` when another process has the directory."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        self._segments = deque(sorted(self._directory.glob(PATTERN)))
        self._size = sum(segment.stat().st_size for segment in self._segments)
        if self._segments:
            self._number = int(self._segments[-1].stem.rpartition("-")[2])

    async def close(self) -> None:
        """Finish what is being appended; what waits stays on disk."""
        while self._writing is not None:
            await self._writing
        self._end_segment()
        self._lock.release()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, on disk or on its way there."""
        return not self._segments and self._writing is None

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._size

    async def append(self, text: bytes) -> None:
        """Add a text without line breaks.

        Raises:
            ApiError: `device_manager.ingestion.spool_full`.
            OSError: the disk refuses it.
        """
        line = b"%08x %s\n" % (zlib.crc32(text), text)
        if self._size + len(line) > self._limit:
            raise api_error("device_manager.ingestion.spool_full", self._size)
        self._size += len(line)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((line, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_group())
        await asyncio.shield(done)

    async def _write_group(self) -> None:
        """Write what has come in, then let the next group begin."""
        group, self._pending = self._pending, []
        failure: OSError | None = None
        try:
            await asyncio.to_thread(self._write, [line for line, _ in group])
        except OSError as error:
            failure = error
            self._end_segment()  # whatever stands at its end now
            self._size -= sum(len(line) for line, _ in group)
        self._writing = asyncio.create_task(self._write_group()) if self._pending else None
        _answer(group, failure)

    def _write(self, lines: Sequence[bytes]) -> None:
        if self._is_wanted or self._segment_size >= SEGMENT_BYTES:
            self._end_segment()
        descriptor = self._begin_segment() if self._descriptor is None else self._descriptor
        data = memoryview(b"".join(lines))
        while data:
            written = os.write(descriptor, data)
            self._segment_size += written
            data = data[written:]
        os.fsync(descriptor)

    def _begin_segment(self) -> int:
        self._number += 1
        path = self._directory / f"payloads-{self._number:016d}.spool"
        descriptor = self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._segment_size = 0
        self._is_wanted = False
        self._segments.append(path)
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return descriptor

    def _end_segment(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    async def first(self) -> tuple[Path, list[bytes]] | None:
        """The oldest file and the texts in it, None when nothing waits. Nothing is added to that file any more."""
        while self._writing is not None and len(self._segments) < 2:
            self._is_wanted = True
            await asyncio.shield(self._writing)
        if not self._segments:
            return None
        if len(self._segments) == 1:
            self._end_segment()
        path = self._segments[0]
        return path, await asyncio.to_thread(_read, path)

    async def remove(self, path: Path) -> None:
        """Forget the oldest file, all of whose texts were dealt with."""
        size = (await asyncio.to_thread(path.stat)).st_size
        self._segments.popleft()
        self._size = max(self._size - size, 0)
        await asyncio.to_thread(path.unlink)

    async def put_aside(self, text: bytes) -> Path:
        """Keep a text that nothing could be made of, for people to look at; returns the file."""
        path = self._directory / ASIDE
        await asyncio.to_thread(_append, path, text + b"\n")
        return path


def _append(path: Path, line: bytes) -> None:
    with path.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _answer(group: Sequence[tuple[bytes, asyncio.Future[None]]], failure: OSError | None) -> None:
    for _, done in group:
        if done.done():
            continue
        if failure is None:
            done.set_result(None)
        else:
            done.set_exception(failure)


def _read(path: Path) -> list[bytes]:
    texts = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        crc, _, text = line.partition(b" ")
        if line and crc == b"%08x" % zlib.crc32(text):
            texts.append(text)
        elif line:
            log.warning("a damaged line is left out", file=str(path), line=number)
    return texts
