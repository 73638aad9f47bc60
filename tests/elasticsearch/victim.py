"""A process with a store of its own, to be stopped or killed at a chosen step of the protocol.

`victim.py URL INDEX MODE STEP GRACE`: MODE is `once`, `large` or `hammer:SEED:COUNT`. In the first two it runs one
transaction, and stops itself at the first STEP (`intended`, `applied`, `committing`, `committed`). Every line that it
prints is one JSON value: `"ready"`, `["at", STEP]`, the name of each acknowledged transaction, and `["unknown", NAME]`
for each whose caller was told that its outcome is not known.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from typing import Any

from device_manager.errors import ApiError
from device_manager.logs import configure_logging
from device_manager.settings import Settings
from device_manager.storage.contract import Key, Transaction
from device_manager.storage.elasticsearch.store import ElasticsearchStore

DOCUMENTS = 6
LARGE = 1200


def say(value: Any) -> None:
    print(json.dumps(value), flush=True)


def link(tx: Transaction, index: str, name: str, ids: tuple[str, str]) -> None:
    """Write `name` into both documents, and a history entry."""
    keys = [Key(index, "assets", id) for id in ids]
    found = tx.read(keys)
    for key in keys:
        tx.replace(key, {"links": [*found[key].source["links"], name]})
    tx.create(index, "history", {"name": name})


def fill(tx: Transaction, index: str) -> None:
    """Rewrite many large documents: the intent takes several parts."""
    keys = [Key(index, "large", str(number)) for number in range(LARGE)]
    for key, document in tx.read(keys).items():
        tx.replace(key, {**document.source, "round": document.source["round"] + 1})


async def hammer(store: ElasticsearchStore, index: str, seed: int, count: int) -> None:
    choose = random.Random(seed)
    todo = iter(range(count))

    async def client() -> None:
        for number in todo:
            name = f"{seed}-{number}"
            first, second = choose.sample(range(DOCUMENTS), 2)
            try:
                await store.transact(lambda tx: link(tx, index, name, (str(first), str(second))))  # noqa: B023
            except ApiError as error:
                assert error.status in (409, 503), error
                if "outcome is not known" in error.message:
                    say(["unknown", name])
            else:
                say(name)

    await asyncio.gather(*(client() for _ in range(8)))


async def main(url: str, index: str, mode: str, step: str, grace: float) -> None:
    stops = iter([step])

    def on_step(reached: str) -> None:
        if reached == step and next(stops, None):
            say(["at", step])
            os.kill(os.getpid(), signal.SIGSTOP)

    store = ElasticsearchStore(url, Settings(recovery_grace=grace, transaction_retries=50), on_step=on_step)
    await store.start()
    say("ready")
    if mode == "once":
        await store.transact(lambda tx: link(tx, index, "victim", ("a", "b")))
        say("victim")
    elif mode == "large":
        await store.transact(lambda tx: fill(tx, index))
        say("victim")
    else:
        _, seed, count = mode.split(":")
        await hammer(store, index, int(seed), int(count))
    await store.close()


if __name__ == "__main__":
    configure_logging("warning")  # to standard error: the test reads the other
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5])))
