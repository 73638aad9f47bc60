"""The questions about last measures that plugins ask inside the process (device-manager 3.7)."""

from __future__ import annotations

from functools import partial

from device_manager.errors import api_error
from device_manager.events.answers import Answers
from device_manager.storage.stamps import Source
from device_manager.twins.measures.last_measures import TwinKind
from device_manager.twins.measures.reading import MeasureReading

SLOTS = 100
"""Slots of an answer, as in `getLastMeasures`."""


def answer_last_measures(answers: Answers, reading: MeasureReading) -> None:
    """Answer `{engineId, digitalTwinId}` with slot -> newest measure; with nothing for a twin without measures."""

    async def last(twin: TwinKind, payload: Source) -> dict[str, Source]:
        for name in ("engineId", "digitalTwinId"):
            if not isinstance(payload.get(name), str):
                raise api_error("api.assert.invalid_type", name, "string")
        id = payload["digitalTwinId"]
        return (await reading.last(payload["engineId"], twin, (id,), SLOTS)).get(id, {})

    answers.answer("ask:device-manager:asset:get-last-measures", partial(last, "asset"))
    answers.answer("ask:device-manager:device:get-last-measures", partial(last, "device"))
