"""Keeps hostile clients from flooding the log: the same message passes a few times per period, then is counted."""

from __future__ import annotations

import logging
import time

PASSED_PER_PERIOD = 5
PERIOD = 10.0
"""Seconds."""
MOST_MESSAGES = 200
"""Different messages that are remembered within one period."""


class RepeatFilter(logging.Filter):
    """Lets a message through a few times per period; the next period's first one says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._period_end = 0.0
        self._seen: dict[str, int] = {}
        self._dropped = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        now = time.monotonic()
        if now >= self._period_end:
            if self._dropped:
                record.msg = f"{record.msg} ({self._dropped} similar messages left out)"
            self._period_end = now + PERIOD
            self._seen.clear()
            self._dropped = 0
        key = str(record.msg)
        count = self._seen.get(key, 0)
        if count >= PASSED_PER_PERIOD or (not count and len(self._seen) >= MOST_MESSAGES):
            self._dropped += 1
            return False
        self._seen[key] = count + 1
        return True


def limit_log(name: str) -> None:
    """Put the filter on a logger once."""
    logger = logging.getLogger(name)
    if not any(isinstance(existing, RepeatFilter) for existing in logger.filters):
        logger.addFilter(RepeatFilter())
