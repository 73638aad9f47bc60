"""An archive for those who are to find out what is wrong with a server, without documents and secrets."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import platform
import re
import sys
import threading
import time
import traceback
import uuid
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import orjson
import structlog

from device_manager.errors import api_error

SUFFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
PATTERN = "dump-*.zip"
PART_BEGIN = ".dump-"
"""Begins the names of archives that are being written."""
PART_AGE = 3600.0
"""Seconds after which one of them was given up."""
DEEPEST = 20
"""Frames that are told of each task."""

Content = Callable[[], Awaitable[Any]]
"""Gives bytes, text, or JSON."""

log = structlog.get_logger("support_archive")


class SupportArchive:
    """Writes archives into a directory, of which the newest few stay.

    Args:
        directory: made when it is missing.
        kept: archives that stay.
        contents: what each file of an archive holds, by its name.
    """

    def __init__(self, directory: Path, kept: int, contents: Mapping[str, Content]) -> None:
        self._directory = directory
        self._kept = kept
        self._contents = contents
        self._writing: asyncio.Task[None] | None = None

    async def write(self, suffix: str, *, wait: bool) -> str:
        """Write an archive; its file name.

        Args:
            suffix: end of its name.
            wait: return when it is written, not before.

        Raises:
            ApiError: `api.assert.invalid_argument` for a suffix that cannot be a part of a file name,
                `api.process.action_locked` while another one is being written, `file_not_written` (500) for a disk
                that takes none.
        """
        self.check(suffix)
        if self._writing is not None and not self._writing.done():
            raise api_error("api.process.action_locked", "an archive is being written.")
        name = f"dump-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{suffix}.zip"
        writing = self._writing = asyncio.create_task(self._write(name))
        if wait:
            await asyncio.shield(writing)
        else:
            writing.add_done_callback(_tell_failure)
        return name

    def check(self, suffix: str) -> None:
        """Refuse a suffix that cannot be a part of a file name. Raises `api.assert.invalid_argument`."""
        if SUFFIX.fullmatch(suffix) is None:
            raise api_error("api.assert.invalid_argument", "suffix", "up to 64 letters, digits and . _ -")

    async def _write(self, name: str) -> None:
        stacks = tasks_and_threads()
        files: dict[str, Any] = {"about.json": _about(), "stacks.txt": stacks}
        for file, content in self._contents.items():
            try:
                files[file] = await content()
            except Exception as error:  # what is broken is what the archive is about
                files[f"{file}.failed.txt"] = "".join(traceback.format_exception_only(error))
        try:
            await asyncio.to_thread(self._store, name, files)
        except OSError as error:
            raise api_error("api.process.file_not_written", str(self._directory / name), error.strerror) from error

    def _store(self, name: str, files: Mapping[str, Any]) -> None:
        """Write the file under another name first: whoever finds an archive finds all of it."""
        content = _packed(files)
        is_new = not self._directory.exists()
        part = self._directory / f"{PART_BEGIN}{uuid.uuid4().hex}"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as written:
                written.write(content)
            part.replace(self._directory / name)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
                if is_new:
                    self._directory.rmdir()
            raise
        for old in sorted(self._directory.glob(PATTERN))[: -self._kept]:
            old.unlink(missing_ok=True)
        given_up = time.time() - PART_AGE
        for left in self._directory.glob(f"{PART_BEGIN}*"):
            with contextlib.suppress(FileNotFoundError):
                if left.stat().st_mtime < given_up:
                    left.unlink()


def _tell_failure(writing: asyncio.Task[None]) -> None:
    """Nobody waits for the archive: the log is told what became of it."""
    error = None if writing.cancelled() else writing.exception()
    if error is not None:
        log.error("no archive was written", reason=str(error))


def _packed(files: Mapping[str, Any]) -> memoryview:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            is_text = isinstance(content, str | bytes)
            archive.writestr(file, content if is_text else orjson.dumps(content, option=orjson.OPT_INDENT_2))
    return packed.getbuffer()


def _about() -> dict[str, Any]:
    packages = {str(one.metadata["Name"]): one.version for one in distributions()}
    return {
        "time": datetime.now(UTC).isoformat(),
        "python": sys.version,
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": dict(sorted(packages.items())),
    }


def tasks_and_threads() -> str:
    """Where every task of the event loop and every thread is in the code right now; no values."""
    told = io.StringIO()
    for task in sorted(asyncio.all_tasks(), key=asyncio.Task.get_name):
        print(f"task {task.get_name()}", file=told)
        for frame in task.get_stack(limit=DEEPEST):
            print(f"  {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}", file=told)
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for identifier, frame in sys._current_frames().items():
        print(f"thread {names.get(identifier, identifier)}", file=told)
        for step in traceback.extract_stack(frame)[-DEEPEST:]:
            print(f"  {step.filename}:{step.lineno} {step.name}", file=told)
    return told.getvalue()
