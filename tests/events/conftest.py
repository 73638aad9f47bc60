"""Buses with short times."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from device_manager.events import EventBus


@pytest.fixture
async def bus() -> AsyncIterator[EventBus]:
    bus = EventBus(warning=0.05, deadline=0.2, threads=2)
    for name in ("x:y:beforeFoo", "x:y:afterFoo", "x:y:ping", "engine:{engine}:moved:before"):
        bus.declare(name)
    yield bus
    await bus.close()
