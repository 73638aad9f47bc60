"""The questions about measures that plugins ask inside the process (device-manager 3.7)."""

from __future__ import annotations

from typing import Any

from device_manager.errors import api_error
from device_manager.events.answers import Answers
from device_manager.storage.stamps import Source
from device_manager.twins.call import Call
from device_manager.twins.ingestion.service import Ingestion


def answer_questions(answers: Answers, ingestion: Ingestion) -> None:
    """Let `ingestion` answer what plugins ask in the name of the product."""

    async def source_ingest(payload: Source) -> None:
        source, target = (_member(payload, name, dict) for name in ("source", "target"))
        uuids = payload.get("payloadUuids") or []
        await ingestion.ingest_named(source, target, _member(payload, "measurements", list), uuids, Call())

    async def receive_formatted(payload: Source) -> None:
        device, measures = _member(payload, "device", dict), _member(payload, "measures", list)
        engine = device["_source"].get("engineId") or ingestion.platform
        await ingestion.receive_measures(engine, device["_id"], measures, payload.get("payloadUuids") or [], Call())

    answers.answer("device-manager:measures:sourceIngest", source_ingest)
    answers.answer("ask:device-manager:payload:receive-formated", receive_formatted)


def _member(payload: Source, name: str, kind: type) -> Any:
    value = payload.get(name)
    if not isinstance(value, kind):
        raise api_error("api.assert.invalid_type", name, "object" if kind is dict else "array")
    return value
