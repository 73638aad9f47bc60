"""The five newest measures of a device without an engine, kept in the platform's record (device-manager 1.4). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from device_manager.storage.stamps import Source

KEPT = 5


def with_newest(record: Source, measures: Iterable[Source]) -> Source:
    """A device's record with some measures added: what it has already is not added again (transactions 2, B5)."""
    known = record.get("lastMeasures") or []
    newest: dict[bytes, Source] = {}
    for measure in (*known, *map(_last_measure, measures)):
        newest.setdefault(_identity(measure), measure)
    kept = sorted(newest.values(), key=lambda measure: _time(measure.get("measuredAt")), reverse=True)[:KEPT]
    if kept == known:
        return record
    return record | {"lastMeasures": kept, "lastMeasuredAt": kept[0]["measuredAt"]}


def _last_measure(measure: Source) -> Source:
    origin = measure.get("origin") or {}
    return {
        "type": measure.get("type"),
        "measureName": origin.get("measureName"),
        "measuredAt": measure.get("measuredAt"),
        "values": measure.get("values"),
    }


def _identity(measure: Source) -> bytes:
    content = [measure.get("measureName"), measure.get("measuredAt"), measure.get("values")]
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def _time(value: Any) -> float:
    return value if type(value) in (int, float) else 0
