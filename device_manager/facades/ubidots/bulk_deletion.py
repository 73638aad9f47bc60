"""Deleting many devices (facades 4.1, 4.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.ubidots.bulk import BulkWork, Plan, Planned
from device_manager.facades.ubidots.content import device_id
from device_manager.facades.ubidots.reading import DEVICES
from device_manager.storage.stamps import Source


class DeviceDeletion(BulkWork):
    """Deletes devices by their keys. One that was there when it was planned has been deleted by the task itself."""

    type = "devices.bulk_delete"
    outcome = "deleted"

    async def plan(self, actor: Actor, items: Sequence[Any], options: Source, done: frozenset[str]) -> Plan:
        """See `BulkWork.plan`: the items are keys."""
        there = await self._reading.there(actor.engine, items)
        planned: dict[str, Planned] = {}
        not_found = []
        repeated = 0
        for key in items:
            twin = there.get(key)
            id = "" if twin is None else device_id(actor.engine, twin.id)
            if id in planned or id in done:
                repeated += 1
            elif twin is None:
                not_found.append(key)
            else:
                planned[id] = Planned(key, twin.id, id)
        return Plan(list(planned.values()), not_found, (), repeated)

    async def run(self, actor: Actor, planned: Planned, options: Source, task: str) -> None:
        """See `BulkWork.run`."""
        try:
            await actor.call(DEVICES, "delete", _id=planned.twin)
        except ApiError as error:
            if error.status != 404:
                raise

    async def finish(self, actor: Actor, planned: Sequence[Planned]) -> None:
        """See `BulkWork.finish`."""
        await self._writing.purge(actor.engine, [one.twin for one in planned])
