"""Measures for tests: what ingestion would store, put in the way that ingestion does."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from device_manager.storage.contract import Key, Put, PutKind, PutResult
from device_manager.twins.measures.last_measures import last_measure_puts

NUMBERS = itertools.count()

Store = Callable[..., Awaitable[str]]


def measure_of(
    at: Any,
    *,
    asset: str | None = None,
    slot: str = "temperatureExt",
    device: str | None = None,
    device_slot: str = "temperature",
    value: float = 20.0,
    type: str = "temperature",
) -> dict[str, Any]:
    """The content of a measure: of a device, or without one of an API's data source."""
    origin: dict[str, Any] = {"type": "api", "_id": "station", "payloadUuids": []}
    if device is not None:
        origin = {
            "type": "device",
            "_id": device,
            "deviceModel": device.partition("-")[0],
            "reference": device.partition("-")[2],
            "measureName": device_slot,
            "payloadUuids": ["5f0c1d1e-8a1b-4a55-9d3c-2f6f0c7a9e11"],
        }
    model, _, reference = (asset or "").partition("-")
    context = {"_id": asset, "model": model, "reference": reference, "measureName": slot} if asset else None
    return {"type": type, "measuredAt": at, "values": {type: value}, "asset": context, "origin": origin}


async def ingest(platform: Any, *measures: dict[str, Any]) -> list[str]:
    """Store measures with their records, as ingestion does; their ids."""
    await platform.twins.measures.register.ensure(platform.engine, measures)
    ids, puts = [], []
    for measure in measures:
        ids.append(f"measure-{next(NUMBERS)}")
        puts.append(Put(PutKind.CREATE, Key(platform.engine, "measures", ids[-1]), measure))
        puts += last_measure_puts(platform.engine, ids[-1], measure)
    results = await platform.store.put(puts)
    assert all(isinstance(result, PutResult) for result in results), results
    return ids


@pytest.fixture
def new_measure() -> Any:
    """Makes the content of a measure: see `measure_of`."""
    return measure_of


@pytest.fixture
def store_measures() -> Any:
    """Stores measures: see `ingest`."""
    return ingest
