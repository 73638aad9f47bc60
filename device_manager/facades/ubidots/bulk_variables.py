"""Deleting many variables, and values of a stretch of time (facades 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_manager.facades.acting import Actor
from device_manager.facades.ubidots.bulk import BulkWork, Plan, Planned
from device_manager.facades.ubidots.content import LABEL_SIGN, find_variable, variable_id, variables_of
from device_manager.facades.ubidots.reading import Twin
from device_manager.storage.stamps import Source

DEVICE = "device"
"""Option: id of the one device whose variables are meant; without it all are, by their ids."""
START, END = "start", "end"
"""Options: milliseconds since 1970, both inclusive."""


class VariableWork(BulkWork):
    """Something that is done to variables by their keys."""

    async def plan(self, actor: Actor, items: Sequence[Any], options: Source, done: frozenset[str]) -> Plan:
        """See `BulkWork.plan`: the items are ids or, of one device, labels with `~` too."""
        engine, device = actor.engine, options.get(DEVICE)
        there = await self._reading.there(engine, [device] if device else items)
        planned: dict[str, Planned] = {}
        not_found = []
        repeated = 0
        for key in items:
            found = _found(engine, there.get(device or key), key)
            if found is None:
                not_found.append(key)
            elif found.id in planned or found.id in done:
                repeated += 1
            else:
                planned[found.id] = found
        return Plan(list(planned.values()), not_found, (), repeated)


class VariableDeletion(VariableWork):
    """Deletes variables, and their values if so configured."""

    type = "variables.bulk_delete"
    outcome = "deleted"

    async def run(self, actor: Actor, planned: Planned, options: Source, task: str) -> None:
        """See `BulkWork.run`."""
        twin = await self._reading.read(actor, planned.twin)
        if twin is not None:
            await self._writing.remove_variable(actor, twin, planned.slot)


class ValueDeletion(VariableWork):
    """Removes the values of variables between two moments."""

    type = "values.bulk_delete"
    outcome = "cleared"

    async def run(self, actor: Actor, planned: Planned, options: Source, task: str) -> None:
        """See `BulkWork.run`."""
        await self._writing.remove_values(actor, planned.twin, planned.slot, options[START], options[END])


def _found(engine: str, twin: Twin | None, key: str) -> Planned | None:
    if twin is None:
        return None
    wanted = variable_id(engine, twin.id, key[len(LABEL_SIGN) :]) if key.startswith(LABEL_SIGN) else key
    one = find_variable(engine, twin.id, twin.source, wanted)
    return None if one is None else Planned(key, twin.id, wanted, one.label)


def all_keys(engine: str, twin: Twin) -> list[str]:
    """The ids of all variables of a device."""
    return [variable_id(engine, twin.id, one.label) for one in variables_of(engine, twin.id, twin.source)]
