"""How many payloads a second one device may send: a token bucket each (design 9)."""

from __future__ import annotations

import math
import time
from collections.abc import Collection

from device_manager.errors import api_error

SWEPT_AT = 10_000
"""Buckets beyond which the full ones are thrown away: a full bucket is like none."""


class DeviceBuckets:
    """A bucket of tokens for each device that sent something lately.

    Args:
        rate: tokens that come back each second; 0 for no limit.
        burst: tokens that a bucket holds.

    Attributes:
        refused: payloads that were refused so far.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._buckets: dict[str, tuple[float, float]] = {}
        self._limit = SWEPT_AT
        self.refused = 0

    def take(self, devices: Collection[str]) -> None:
        """Take one token of each device, or of none.

        Raises:
            ApiError: `device_manager.ingestion.too_many_payloads` (429) names the device whose bucket is empty.
        """
        if not self._rate:
            return
        now = time.monotonic()
        filled = {device: self._level(device, now) for device in devices}
        for device, level in filled.items():
            if level < 1:
                self.refused += 1
                wait = math.ceil((1 - level) / self._rate * 1000) / 1000
                raise api_error("device_manager.ingestion.too_many_payloads", device, wait)
        for device, level in filled.items():
            self._buckets[device] = (level - 1, now)
        if len(self._buckets) > self._limit:
            self._sweep(now)

    def _level(self, device: str, now: float) -> float:
        level, then = self._buckets.get(device, (self._burst, now))
        return min(self._burst, level + (now - then) * self._rate)

    def _sweep(self, now: float) -> None:
        self._buckets = {
            device: bucket for device, bucket in self._buckets.items() if self._level(device, now) < self._burst
        }
        self._limit = max(SWEPT_AT, 2 * len(self._buckets))
