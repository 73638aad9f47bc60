"""How many requests a minute a credential may make, and what answers say of it (facades 3.13).

Counts are of this process alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from device_manager.facades.teos.errors import TOO_MANY, TeosError

MINUTE = 60


class Allowance(NamedTuple):
    """What is left of the present minute.

    Attributes:
        remaining: requests; below 0 when one was too many.
        reset: seconds since 1970 when the next minute begins.
    """

    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """As answers tell it."""
        reset = datetime.fromtimestamp(self.reset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "x-rate-limit-limit": "1m",
            "x-rate-limit-remaining": str(max(0, self.remaining)),
            "x-rate-limit-reset": reset,
        }


class PerMinute:
    """Counts within minutes of the clock; nothing is kept of minutes that are over.

    Args:
        most: requests in one minute; 0 for any number.
        clock: seconds since 1970.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._clock = clock
        self._minute = 0
        self._counts: dict[str, int] = {}

    def count(self, who: str) -> dict[str, str]:
        """Count one request; what its answer says of that, nothing where there is no limit.

        Raises:
            TeosError: 13000 when it is one too many.
        """
        if not self._most:
            return {}
        minute = int(self._clock()) // MINUTE
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        used = self._counts[who] = self._counts.get(who, 0) + 1
        allowance = Allowance(self._most - used, (minute + 1) * MINUTE)
        if allowance.remaining < 0:
            message = f"The credential made {self._most} requests within this minute; that is all it may make."
            raise TeosError(429, TOO_MANY, message, more=allowance.headers)
        return allowance.headers
