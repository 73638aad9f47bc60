"""How a process knows that what it keeps in memory is current (design 6).

Each write to a cached kind raises the number in a `generation` document in the same commit. A process applies its own
commits at once, and reads that number every second to notice those of others; when it could not for three seconds it
stops trusting its memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import INTERNAL_INDEX, Change, Key, Store, Transaction

POLL_INTERVAL = 1.0
"""Seconds between two looks at the generation."""
TRUST = 3.0
"""Seconds after the last look for which the memory is trusted."""

CACHE = "cache"
CACHE_MAPPING: dict[str, Any] = {"dynamic": "strict", "properties": {"value": {"type": "long"}}}

log = structlog.get_logger("generation")


def generation_key(name: str) -> Key:
    """The document with the generation of one kind of memory."""
    return Key(INTERNAL_INDEX, CACHE, name)


def raise_generation(tx: Transaction, key: Key) -> None:
    """Tell all processes that something which they cache changes with this commit."""
    known = tx.read((key,)).get(key)
    if known is None:
        tx.create(key.index, key.collection, {"value": 1}, key.id)
    else:
        tx.replace(key, {"value": known.source["value"] + 1})


class Memory(Protocol):
    """What is kept current."""

    async def read(self) -> Callable[[], None]:
        """Read everything from the store, as committed; the answer puts it into memory."""

    def apply(self, change: Change) -> bool:
        """Take over a change that this process committed; whether memory holds what it is about."""


class Generation:
    """Keeps one memory current.

    Args:
        store: where the documents are.
        key: the generation document.
        memory: what is kept current.
        content: what memory holds, for messages.
    """

    def __init__(self, store: Store, key: Key, memory: Memory, content: str) -> None:
        self._store = store
        self._key = key
        self._memory = memory
        self._content = content
        self._generation = -1
        self._applied = 0
        self._looked = float("-inf")
        self._is_alone = not store.shared
        self._loading = asyncio.Lock()
        self._joined: asyncio.Task[None] | None = None
        self._has_failed = False
        self._poll: asyncio.Task[None] | None = None
        store.on_commit(self._on_commit)

    async def start(self) -> None:
        """Load everything, then keep looking for other processes' changes."""
        await self._store.create_collection(INTERNAL_INDEX, CACHE, CACHE_MAPPING)
        await self.look()
        if not self._is_alone:
            self._poll = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        """Stop looking."""
        if self._poll is not None:
            self._poll.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poll

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(POLL_INTERVAL)
            try:
                await self._join_look()
            except ApiError as error:
                log.warning(f"cannot look for changed {self._content}", reason=error.message)

    async def look(self, *, again: bool = False) -> None:
        """Read the generation, and everything when it is not the one that memory is at, or when it is to be read again.

        Raises:
            ApiError: the store does not answer.
        """
        async with self._loading:
            if again:
                self._generation = -1
            started = time.monotonic()
            generation = await self._read_generation()
            while generation != self._generation:
                await self._load(generation)
                started = time.monotonic()
                generation = await self._read_generation()
            self._looked = started

    async def _read_generation(self) -> int:
        document = (await self._store.read_committed((self._key,))).get(self._key)
        return document.source["value"] if document else 0

    async def _load(self, generation: int) -> None:
        applied = self._applied
        take_over = await self._memory.read()
        if applied == self._applied:
            take_over()
            self._generation = generation

    def _on_commit(self, changes: Sequence[Change]) -> None:
        raised = [change.after.source["value"] for change in changes if change.key == self._key and change.after]
        if raised and raised[-1] <= self._generation:
            return  # a look was faster, and has perhaps seen already what others did after this commit
        for change in changes:
            if change.key != self._key and self._memory.apply(change):
                self._applied += 1
        if raised and raised[0] == self._generation + 1:  # otherwise another process raised it in between
            self._generation = raised[-1]

    @property
    def number(self) -> int:
        """The generation that memory is at; who finds another one in the store decides on old content."""
        return self._generation

    @property
    def is_trusted(self) -> bool:
        """Whether memory may be used without another look."""
        return self._is_alone or time.monotonic() - self._looked <= TRUST

    async def ensure(self) -> None:
        """Make sure that memory may be trusted; costs nothing as long as it is looked after.

        Raises:
            ApiError: `services.storage.unavailable` (503) when it is too old and the store does not answer.
        """
        if not self.is_trusted:
            if self._has_failed:  # the look in the background finds out when the store is back
                raise api_error("services.storage.unavailable", f"it did not say which {self._content} are current")
            await self._join_look()

    async def _join_look(self) -> None:
        """Wait for the look that runs, or start one: looking in turn, callers would wait one deadline after another."""
        if self._joined is None:
            self._joined = asyncio.create_task(self.look())
            self._joined.add_done_callback(self._end_look)
        await asyncio.shield(self._joined)

    def _end_look(self, look: asyncio.Task[None]) -> None:
        self._joined = None
        if not look.cancelled():
            self._has_failed = look.exception() is not None
