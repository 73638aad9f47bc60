"""The models of what clients create: written when they are first needed, grown with each new label (facades 4)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from device_manager.errors import ApiError, api_error
from device_manager.facades.acting import Actor
from device_manager.facades.ubidots.content import CONTEXT, COUNT, MEASURE, MEMBER, model_name
from device_manager.storage.stamps import Source

MODELS = "device-manager/models"
ATTEMPTS = 5
"""How often a model is written because another server wrote it at the same moment."""
FREE_FORM: Source = {"type": "object", "enabled": False}
METADATA: Source = {
    MEMBER: {
        "properties": {
            "label": {"type": "keyword"},
            "name": {"type": "keyword"},
            "description": {"type": "keyword"},
            "tags": {"type": "keyword"},
            "isActive": {"type": "boolean"},
            COUNT: {"type": "integer"},
            "properties": FREE_FORM,
            "variables": FREE_FORM,
        }
    }
}
VALUES: Source = {MEASURE: {"type": "double"}, CONTEXT: FREE_FORM}


class DeviceModels:
    """Makes sure that there is a slot for each label."""

    def __init__(self) -> None:
        self._alone: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ensure(self, actor: Actor, labels: Iterable[str] = ()) -> str:
        """The name of the device model of the caller's engine, with a measure slot for each of `labels`.

        Raises:
            ApiError: the caller may not write models, or the store does not answer.
        """
        name, wanted = model_name(actor.engine), list(labels)
        async with self._alone[actor.engine]:
            for _ in range(ATTEMPTS):
                model = await _model(actor, name)
                slots = None if model is None else [slot["name"] for slot in model.get("measures") or ()]
                missing = [label for label in wanted if slots is None or label not in slots]
                if model is not None and not missing and _counts(model):
                    return name
                await self._write(actor, name, slots, missing)
        raise api_error("device_manager.models.changed")

    async def _write(self, actor: Actor, name: str, slots: list[str] | None, missing: list[str]) -> None:
        if slots is None:
            await _ensure_measure(actor)
        measures = [{"name": label, "type": MEASURE} for label in dict.fromkeys([*(slots or ()), *missing])]
        body = {"model": name, "metadataMappings": METADATA, "measures": measures}
        await actor.call(MODELS, "writeDevice", body=body)


async def _model(actor: Actor, name: str) -> Source | None:
    try:
        model = await actor.call(MODELS, "getDevice", model=name)
    except ApiError as error:
        if error.id != "device_manager.models.unknown_device":
            raise
        return None
    device: Source = model["_source"]["device"]
    return device


def _counts(model: Source) -> bool:
    """Whether the number of variables is mapped; models written before it was counted lack it."""
    content = (model.get("metadataMappings") or {}).get(MEMBER) or {}
    return COUNT in (content.get("properties") or {})


async def _ensure_measure(actor: Actor) -> None:
    try:
        await actor.call(MODELS, "getMeasure", type=MEASURE)
    except ApiError as error:
        if error.id != "device_manager.models.unknown_measure":
            raise
        await actor.call(MODELS, "writeMeasure", body={"type": MEASURE, "valuesMappings": VALUES})
