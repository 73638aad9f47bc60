"""A kind of task that counts: each step leaves exactly one document, however often it runs."""

from __future__ import annotations

import asyncio
from typing import Any

from device_manager.storage.contract import INTERNAL_INDEX, Key, Store, Transaction
from device_manager.tasks import Progress, TaskKind

LEDGER = "ledger"


def counting(store: Store) -> TaskKind:
    """A kind that does `steps` steps, each of which takes `pause` seconds."""

    async def step(arguments: dict[str, Any], cursor: Any, progress: Progress) -> Any:
        number = (cursor or 0) + 1
        name = arguments["name"]
        key = Key(INTERNAL_INDEX, LEDGER, f"{name}-{number}")

        def decide(tx: Transaction) -> None:
            if key not in tx.read((key,)):
                tx.create(key.index, key.collection, {"name": name, "number": number}, key.id)

        await store.transact(decide)
        progress.done, progress.total = number, arguments["steps"]
        await asyncio.sleep(arguments.get("pause", 0))
        return number if number < arguments["steps"] else None

    return TaskKind("count", step, cancellable=True)
