"""Values of variables: into measure slots, and out of their history (facades 4.3)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.ubidots.content import CONTEXT, MEASURE, Variable
from device_manager.facades.ubidots.errors import invalid
from device_manager.facades.ubidots.models import MODELS
from device_manager.facades.ubidots.reading import DEVICES, DeviceReading, Twin
from device_manager.facades.ubidots.writing import DeviceWriting
from device_manager.storage.contract import Store
from device_manager.storage.stamps import Source
from device_manager.twins.places import MEASURES

NUMERIC = frozenset({"byte", "double", "float", "half_float", "integer", "long", "scaled_float", "short"})
UNDECLARED = "device_manager.ingestion.undeclared"


class Dot(NamedTuple):
    """A value at a moment.

    Attributes:
        value: the number.
        timestamp: milliseconds since 1970.
        context: what came with it.
    """

    value: float
    timestamp: int
    context: Source


class Window(NamedTuple):
    """A part of a variable's history: how much to leave out, how much to give, from when to when (inclusive)."""

    offset: int
    size: int
    start: int | None = None
    end: int | None = None


def read_dot(content: Any) -> Dot:
    """A value as clients send it: a number, or `{value, timestamp?, context?}`.

    Raises:
        UbidotsError: 400001, which names the member.
    """
    if _is_number(content):
        return Dot(content, _now(), {})
    if not isinstance(content, dict):
        raise invalid({"value": ["A valid number is required."]})
    value: Any = content.get("value")
    timestamp, context = content.get("timestamp"), content.get("context")
    detail = {}
    if not _is_number(value):
        detail["value"] = ["A valid number is required."]
    if timestamp is not None and (not _is_number(timestamp) or timestamp < 0 or timestamp != int(timestamp)):
        detail["timestamp"] = ["A whole number of milliseconds since 1970 is required."]
    if context is not None and not isinstance(context, dict):
        detail["context"] = ["Expected an object."]
    if detail:
        raise invalid(detail)
    return Dot(value, _now() if timestamp is None else int(timestamp), context or {})


class Measuring:
    """Stores and reads values.

    Args:
        store: is told to show what was stored a moment ago.
        reading: finds devices.
        writing: makes sure that there are slots.
    """

    def __init__(self, store: Store, reading: DeviceReading, writing: DeviceWriting) -> None:
        self._store = store
        self._reading = reading
        self._writing = writing

    async def send(self, actor: Actor, twin: Twin, dots: Sequence[tuple[Variable, Dot]]) -> None:
        """Store values of one device, all or none.

        Raises:
            UbidotsError: 400001 for a variable whose measures hold no number.
            ApiError: what `devices:receiveMeasures` refuses.
        """
        if not dots:
            return
        places = {one.type: await _place(actor, one.type) for one, _ in dots}
        measures = [
            {
                "measureName": one.label,
                "type": one.type,
                "measuredAt": dot.timestamp,
                "values": _values(places[one.type], dot),
            }
            for one, dot in dots
        ]
        body = {"measures": measures}
        try:
            await actor.call(DEVICES, "receiveMeasures", _id=twin.id, body=body)
        except ApiError as error:
            if error.id != UNDECLARED or any(one.type != MEASURE for one, _ in dots):
                raise
            await self._writing.ensure_slots(actor, [one.label for one, _ in dots])
            await actor.call(DEVICES, "receiveMeasures", _id=twin.id, body=body)

    async def history(self, actor: Actor, twin: Twin, one: Variable, window: Window) -> tuple[list[Source], int]:
        """Stored measures of a variable, the newest first, and how many there are.

        Raises:
            ApiError: what `devices:getMeasures` refuses.
        """
        filters: list[Source] = [{"term": {"origin.measureName": one.label}}]
        bounds = {name: at for name, at in (("gte", window.start), ("lte", window.end)) if at is not None}
        if bounds:
            filters.append({"range": {"measuredAt": {**bounds, "format": "epoch_millis"}}})
        await self._store.refresh(actor.engine, MEASURES)
        found = await actor.call(
            DEVICES,
            "getMeasures",
            _id=twin.id,
            body={"query": {"bool": {"filter": filters}}},
            **{"from": window.offset, "size": window.size},
        )
        return [hit["_source"] for hit in found["measures"]], found["total"]

    async def last(self, actor: Actor, twin: Twin, one: Variable) -> Source | None:
        """The last measure of a variable, None without one."""
        return (await self._reading.last_measures(actor, (twin.id,))).get(twin.id, {}).get(one.label)


async def _place(actor: Actor, type: str) -> tuple[str, ...]:
    """Where measures of a type hold their number: the member of the type's name, or else the first number.

    Raises:
        UbidotsError: 400001 when they hold none.
    """
    if type == MEASURE:
        return (MEASURE,)
    model = await actor.call(MODELS, "getMeasure", type=type)
    places = list(_numbers(model["_source"]["measure"].get("valuesMappings") or {}))
    if not places:
        raise invalid({"value": [f'Measures of the type "{type}" hold no number.']})
    return (type,) if (type,) in places else places[0]


def _numbers(mappings: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, definition in mappings.items():
        if "properties" in definition:
            yield from _numbers(definition["properties"], (*above, name))
        elif definition.get("type") in NUMERIC:
            yield (*above, name)


def _values(place: tuple[str, ...], dot: Dot) -> Source:
    values: Any = dot.value
    for name in reversed(place):
        values = {name: values}
    return {**values, CONTEXT: dot.context} if place == (MEASURE,) else values


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _now() -> int:
    return time.time_ns() // 1_000_000
