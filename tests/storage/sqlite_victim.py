"""A process to be killed: it commits without pause and prints every acknowledgement.

Usage: sqlite_victim.py DIRECTORY WORKERS
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from device_manager.logs import configure_logging
from device_manager.settings import Settings
from device_manager.storage.contract import Key, Transaction
from device_manager.storage.sqlite.store import SqliteStore

TWINS = 40
MAPPING = {
    "dynamic": "strict",
    "properties": {"count": {"type": "integer"}, "asset": {"type": "keyword"}, "device": {"type": "keyword"}},
}


async def commit_for_ever(store: SqliteStore, worker: int) -> None:
    """Each transaction counts on an asset and on a device and adds the entry that says so."""
    place = random.Random(os.getpid() * 1000 + worker)
    while True:
        asset = Key("t", "assets", f"asset-{place.randrange(TWINS)}")
        device = Key("t", "devices", f"device-{place.randrange(TWINS)}")

        def decide(tx: Transaction, asset: Key = asset, device: Key = device) -> str:
            found = tx.read([asset, device])
            for key in (asset, device):
                if key in found:
                    tx.replace(key, {"count": found[key].source["count"] + 1})
                else:
                    tx.create(key.index, key.collection, {"count": 1}, key.id)
            return tx.create("t", "history", {"asset": asset.id, "device": device.id}).id

        id = await store.transact(decide)
        os.write(1, f"{id}\n".encode())


async def main() -> None:
    """Open the store and run the workers until the end."""
    store = SqliteStore(Path(sys.argv[1]), Settings())
    await store.start()
    for name in ("assets", "devices", "history"):
        await store.create_collection("t", name, MAPPING)
    os.write(1, b"ready\n")
    await asyncio.gather(*(commit_for_ever(store, worker) for worker in range(int(sys.argv[2]))))


if __name__ == "__main__":
    configure_logging("warning")  # to standard error: the test reads the other
    asyncio.run(main())
