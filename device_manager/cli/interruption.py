"""What Ctrl-C and SIGTERM do to a command that talks to a server."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


async def interruptible(run: Coroutine[Any, Any, None]) -> None:
    """Await `run`: the first Ctrl-C or SIGTERM cancels it, so that it can end in order, a second one ends at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(run)

    def interrupt(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    await task
