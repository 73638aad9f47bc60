"""Whose turn it is to decide: small decisions on the event loop, a large one alone in a thread beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """Lets one decision run at a time, so that each is made on top of all earlier ones.

    A small one runs at once, without letting the event loop do anything else. One over thousands of documents would
    keep it from answering for seconds: it runs in a thread, and only other decisions wait for it.

    Attributes:
        alone: held by large decisions, and by whoever changes what they rely on.
    """

    def __init__(self) -> None:
        self.alone = asyncio.Lock()
        self._large: asyncio.Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-decisions")

    async def small(self, decide: Callable[[], T]) -> T:
        """Run a decision here. Whoever awaits it goes on before any other decision begins."""
        while self._large is not None:
            await asyncio.shield(self._large)
        return decide()

    async def large(self, decide: Callable[[], T]) -> T:
        """Run a decision in the thread. Whoever awaits it goes on before any other decision begins."""
        async with self.alone:
            loop = asyncio.get_running_loop()
            self._large = loop.create_future()
            running = loop.run_in_executor(self._thread, decide)
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                await asyncio.wait({running})
                raise
            finally:
                self._large.set_result(None)
                self._large = None

    def close(self) -> None:
        """Let go of the thread; nothing decides any more."""
        self._thread.shutdown()
