"""Signs of life of the processes that take in measures, and what one that died left undone (transactions 2, B7).

Measures and the records of last measures travel in one bulk, but nothing makes a bulk whole. A process that dies in
between may leave a record behind history; it has a checkpoint, before which all that it began is stored in full.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Sequence

import structlog

from device_manager.errors import ApiError
from device_manager.query.tree import Range
from device_manager.storage.contract import Document, Store
from device_manager.storage.heartbeat import Heartbeat
from device_manager.storage.ids import new_id
from device_manager.storage.stamps import Source
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.ingestion.in_flight import InFlight
from device_manager.twins.places import MEASURES

PROCESSES = "ingestion-processes"
INTERVAL = 10.0
"""Seconds between two checkpoints of a process."""
MISSED = 3
"""Checkpoints that a process misses before it counts as gone, by the clock of whoever watches."""
CREATED_AT = "_kuzzle_info.createdAt"

log = structlog.get_logger("ingestion")

Heal = Callable[[str, Sequence[Document]], Awaitable[None]]


class Checkpoints:
    """Writes this process's checkpoints and heals what others left. Idle where one process has the store for itself.

    Args:
        store: where the checkpoints are.
        catalogue: the engines.
        in_flight: what this process is storing.
        heal: brings the last measures of an engine's measures up to date.
        interval: seconds between two checkpoints.

    Attributes:
        heartbeat: writes them, where the store is shared.
    """

    def __init__(
        self, store: Store, catalogue: Catalogue, in_flight: InFlight, heal: Heal, interval: float = INTERVAL
    ) -> None:
        self.heartbeat = Heartbeat(
            store, PROCESSES, new_id(), about=self._checkpoint, look=self.look, interval=interval, missed=MISSED
        )
        self._store = store
        self._catalogue = catalogue
        self._in_flight = in_flight
        self._heal = heal

    async def start(self) -> None:
        """Write the first checkpoint, and go on in the background. Raises ApiError when the store does not answer."""
        if self._store.shared:
            await self.heartbeat.start()

    async def stop(self) -> None:
        """Leave: all that was begun is stored."""
        await self.heartbeat.stop()

    def _checkpoint(self) -> Source:
        return {"checkpoint": self._in_flight.oldest(), "host": socket.gethostname(), "pid": os.getpid()}

    async def look(self) -> None:
        """Look for processes that are gone, and bring up to date what they may have left behind history.

        Raises:
            ApiError: the store does not answer.
        """
        found, gone = await self.heartbeat.found()
        for id in gone:
            await self._clean_up(found[id])

    async def _clean_up(self, process: Document) -> None:
        """Heal first, then remove: whoever dies in between leaves it to the next one."""
        source = process.source
        log.warning("a process is gone, its last measures are checked", pid=source["pid"], host=source["host"])
        for engine in list(self._catalogue.engines):
            try:
                await self._store.refresh(engine, MEASURES)
                async for page in self._store.scan(
                    engine, MEASURES, Range(CREATED_AT, gte=source["checkpoint"], format="epoch_millis")
                ):
                    await self._heal(engine, page)
            except ApiError as error:
                if not error.is_unknown_place:
                    raise
        await self.heartbeat.forget(process.id)
