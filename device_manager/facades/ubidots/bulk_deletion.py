"""Deleting many devices (facades 4.1, 4.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.ubidots.bulk import BulkWork, Plan, Planned
from device_manager.facades.ubidots.content import LABEL_SIGN, device_id
from device_manager.facades.ubidots.errors import invalid
from device_manager.facades.ubidots.reading import DEVICES, DeviceReading
from device_manager.facades.ubidots.writing import DeviceWriting
from device_manager.storage.stamps import Source


class DeviceDeletion(BulkWork):
    """Deletes devices by their keys. One that was there when it was planned has been deleted by the task itself.

    Args:
        reading: finds devices.
        writing: removes their measures.
    """

    type = "devices.bulk_delete"
    outcome = "deleted"

    def __init__(self, reading: DeviceReading, writing: DeviceWriting) -> None:
        self._reading = reading
        self._writing = writing

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


def read_keys(items: Sequence[Any]) -> list[str]:
    """The keys of a bulk operation, each once, in order.

    Raises:
        UbidotsError: 400001, which names every item that is none.
    """
    detail = {}
    keys = []
    for place, item in enumerate(items):
        key = item.get("id") if isinstance(item, dict) else item
        if is_key(key):
            keys.append(key)
        else:
            detail[str(place)] = [f'Expected an id, "{LABEL_SIGN}" and a label, or an object with "id".']
    if detail:
        raise invalid(detail)
    return list(dict.fromkeys(keys))


def is_key(key: Any) -> TypeGuard[str]:
    """Whether something can be meant by it."""
    return isinstance(key, str) and bool(key.removeprefix(LABEL_SIGN))
