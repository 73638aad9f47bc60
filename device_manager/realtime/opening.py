"""Which bus a server is on, by its settings."""

from __future__ import annotations

from device_manager.realtime.bus import Bus, LocalBus
from device_manager.settings import Settings


def open_bus(settings: Settings) -> Bus:
    """The bus to start a server with; it is not started yet."""
    return LocalBus(
        entries=settings.realtime_log_entries,
        most_bytes=settings.realtime_log_bytes,
        age=settings.realtime_log_age,
    )
