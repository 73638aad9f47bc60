"""Starting a store that does not answer yet, as when a machine starts both (design 9)."""

from __future__ import annotations

import asyncio
import time

import structlog

from device_manager.errors import ApiError
from device_manager.storage.contract import Store

PAUSE = 0.5
"""Seconds between the end of an attempt and the next one."""
TELL_EVERY = 5.0
"""Seconds between two log lines that say what is waited for."""

log = structlog.get_logger("store")


async def start_patiently(store: Store, patience: float) -> None:
    """Start a store, again and again as long as it does not answer.

    Args:
        store: not started yet; its `start` can be called again after it failed.
        patience: seconds after which no further attempt is made; one that is under way is waited for.

    Raises:
        ApiError: `services.storage.unavailable` of the last attempt; any other error at once.
        StoreError: it cannot be opened.
    """
    began = time.monotonic()
    told = began - TELL_EVERY
    while True:
        try:
            return await store.start()
        except ApiError as error:
            left = patience - (time.monotonic() - began)
            if not error.is_unavailable or left <= 0:
                raise
            if time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                log.warning("the start waits for the store", reason=error.message, gives_up_in=f"{left:.0f} s")
        await asyncio.sleep(min(PAUSE, left))
