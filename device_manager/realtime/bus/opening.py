"""The bus that the settings name."""

from __future__ import annotations

from device_manager.realtime.bus import Bus, LocalBus
from device_manager.settings import Settings


def open_bus(settings: Settings) -> Bus:
    """A bus to the other servers if there is a Redis, otherwise one for this server alone.

    Args:
        settings: name the Redis and the bounds of the log.

    Raises:
        InvalidSettings: the URL of the Redis cannot be read.
    """
    entries, most_bytes, age = settings.realtime_log_entries, settings.realtime_log_bytes, settings.realtime_log_age
    if not settings.redis:
        return LocalBus(entries=entries, most_bytes=most_bytes, age=age)
    from device_manager.realtime.bus.shared import RedisBus  # loads a client that others do not need

    return RedisBus(
        settings.redis,
        f"device-manager:{settings.platform_index}:",
        entries=entries,
        most_bytes=most_bytes,
        age=age,
        deadline=settings.redis_deadline,
    )
