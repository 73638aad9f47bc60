"""Creating and changing many devices (facades 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_manager.facades.acting import Actor
from device_manager.facades.ubidots.bodies import REQUIRED, checked_each
from device_manager.facades.ubidots.bulk import BulkWork, Plan, Planned, refused
from device_manager.facades.ubidots.bulk_keys import is_key
from device_manager.facades.ubidots.content import LABEL_SIGN, device_id
from device_manager.facades.ubidots.errors import invalid
from device_manager.facades.ubidots.writing import TAKEN, device_checks
from device_manager.storage.stamps import Source

WHOLE = "whole"
"""Option: what an item leaves out gets its default."""


class DeviceCreation(BulkWork):
    """Creates devices. What each is going to be called here is planned, so creating it again finds it."""

    type = "devices.bulk_create"
    outcome = "created"

    async def plan(self, actor: Actor, items: Sequence[Any], options: Source, done: frozenset[str]) -> Plan:
        """See `BulkWork.plan`: the items are bodies."""
        labels = list(dict.fromkeys(item["label"] for item in items))
        taken = set(await self._reading.there(actor.engine, [LABEL_SIGN + label for label in labels]))
        twins = await self._writing.new_twins(actor.engine, labels)
        planned, errors = [], []
        for item in items:
            key = LABEL_SIGN + item["label"]
            if key in taken:
                errors.append(refused(key, invalid({"label": [TAKEN]})))
                continue
            taken.add(key)
            twin = twins[item["label"]]
            planned.append(Planned(key, twin, device_id(actor.engine, twin), body=item))
        return Plan(planned, [], errors)

    async def run(self, actor: Actor, planned: Planned, options: Source, task: str) -> None:
        """See `BulkWork.run`: once for all, thanks to an idempotency key."""
        await self._writing.create_as(actor, planned.twin, planned.body, f"{task}-{planned.id}")

    async def finish(self, actor: Actor, planned: Sequence[Planned]) -> None:
        """See `BulkWork.finish`."""
        made = await self._reading.stored(actor.engine, [one.twin for one in planned])
        await self._writing.remember(actor.engine, made.values())


class DeviceChanges(BulkWork):
    """Changes devices, each as its item says."""

    type = "devices.bulk_update"
    outcome = "updated"

    async def plan(self, actor: Actor, items: Sequence[Any], options: Source, done: frozenset[str]) -> Plan:
        """See `BulkWork.plan`: the items are `[key, body]`."""
        there = await self._reading.there(actor.engine, [key for key, _ in items])
        not_found = [key for key, _ in items if key not in there]
        planned = [
            Planned(key, there[key].id, device_id(actor.engine, there[key].id), body=body)
            for key, body in items
            if key in there
        ]
        return Plan(planned, not_found)

    async def run(self, actor: Actor, planned: Planned, options: Source, task: str) -> None:
        """See `BulkWork.run`."""
        twin = await self._reading.get(actor, planned.id)
        await self._writing.change(actor, twin, planned.body, whole=options[WHOLE])


def read_new(engine: str, items: Sequence[Any]) -> list[Source]:
    """The devices that a bulk creation in an engine is about.

    Raises:
        UbidotsError: 400001, which names every item that is none.
    """
    return checked_each(items, device_checks(engine), ("label",))


def read_changes(engine: str, items: Sequence[Any], *, whole: bool) -> list[tuple[str, Source]]:
    """The keys that a bulk change is about, each once, with what their devices are to become.

    Args:
        engine: of the devices.
        items: partial ones name their device by `id`, whole ones by `id` or else by `label`.
        whole: whether they are whole.

    Raises:
        UbidotsError: 400001, which names every item that cannot be used.
    """
    changes: dict[str, Source] = {}
    detail: dict[str, Any] = {}
    bodies = checked_each(items, device_checks(engine), ("label",) if whole else ())
    for place, (item, body) in enumerate(zip(items, bodies, strict=True)):
        key = item.get("id", f"{LABEL_SIGN}{body['label']}" if whole else None)
        if not is_key(key):
            detail[str(place)] = {"id": [REQUIRED]}
        elif key in changes:
            detail[str(place)] = {"id": [f'"{key}" is in the list twice.']}
        else:
            changes[key] = body
    if detail:
        raise invalid(detail)
    return list(changes.items())
