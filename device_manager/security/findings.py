"""Decisions that rest on a search: made again on a new one when they find that it missed something."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from device_manager.call import Call
from device_manager.errors import api_error
from device_manager.security.closing import Closings
from device_manager.storage.contract import Transaction

Found = TypeVar("Found")
T = TypeVar("T")

ATTEMPTS = 10
"""Searches before the request is refused because others are always faster."""


class Outdated(Exception):  # no error: it only ends a transaction with nothing written
    """A decision found something else than the search."""


async def decide_on_findings(
    closings: Closings,
    subject: str,
    find: Callable[[], Awaitable[Found]],
    decide: Callable[[Transaction, Found], T],
    call: Call,
) -> T:
    """Search, then decide in a transaction, which raises `Outdated` when it is not on what was found any more.

    Args:
        closings: runs the transaction.
        subject: what it is about, for messages.
        find: the search; it must see every acknowledged write.
        decide: the decision, pure as `Store.transact` wants it.
        call: the caller.

    Raises:
        ApiError: what `find` and `decide` raise, `services.storage.too_many_changes`.
    """
    for _ in range(ATTEMPTS):
        found = await find()

        def run(tx: Transaction, found: Found = found) -> T:
            return decide(tx, found)

        with contextlib.suppress(Outdated):
            return await closings.transact(run, call)
    raise api_error("services.storage.too_many_changes", subject)
