"""A process that starts a task, says its id, and works on it until it is killed, stopped, or done for good."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from device_manager.call import Call
from device_manager.logs import configure_logging
from device_manager.settings import Settings
from device_manager.storage.contract import INTERNAL_INDEX
from device_manager.storage.opening import open_store
from device_manager.tasks import Tasks

sys.path.insert(0, str(Path(__file__).parent))
from counting import LEDGER, counting


async def main() -> None:
    """Run; the arguments are the store, the grace time, the ledger's name, the steps and the seconds of each."""
    store_url, grace, name, steps, pause = sys.argv[1:]
    store = open_store(Settings(store=store_url, recovery_grace=float(grace)))
    await store.start()
    await store.create_collection(INTERNAL_INDEX, LEDGER, {"dynamic": "false", "properties": {}})
    tasks = Tasks(store, grace=float(grace))
    tasks.register(counting(store))
    await tasks.open()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    task = await tasks.start("count", {"name": name, "steps": int(steps), "pause": float(pause)}, Call())
    print(task.id, flush=True)
    await stopping.wait()
    await tasks.close()
    await store.close()


configure_logging("warning")  # to standard error: the test reads the other
asyncio.run(main())
