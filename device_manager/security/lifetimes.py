"""How long a token lives: the syntax of `expiresIn` and its limits (router-protocol 5.2)."""

from __future__ import annotations

import re

from device_manager.errors import ApiError, api_error

NEVER = -1
"""As a lifetime: without end. As a time: never."""

_MILLISECONDS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_557_600_000,
}
_UNITS = {
    "milliseconds?|msecs?|ms|": "ms",
    "seconds?|secs?|s": "s",
    "minutes?|mins?|m": "m",
    "hours?|hrs?|h": "h",
    "days?|d": "d",
    "weeks?|w": "w",
    "years?|yrs?|y": "y",
}
_TEXT = re.compile(r"(-?(?:\d+(?:\.\d*)?|\.\d+)) *([a-z]*)", re.IGNORECASE)
_LONGEST = 2**53 - 1 - 4_102_444_800_000
"""Milliseconds that still give a time of day, added to now, which JavaScript can express."""


def read_lifetime(value: object, default: int) -> int:
    """Milliseconds that `expiresIn` asks for, `NEVER` for no end.

    Args:
        value: a number of milliseconds, the same as text, or text like `"1h"` and `"2 days"`; None for the default.
        default: milliseconds or `NEVER`.

    Raises:
        ApiError: `api.assert.invalid_argument` for anything else, 0 and negative numbers other than -1 included.
    """
    if value is None:
        return default
    milliseconds = _milliseconds(value)
    if milliseconds is None or not (milliseconds == NEVER or 1 <= milliseconds <= _LONGEST):
        raise _unusable()
    return int(milliseconds)


def check_limit(lifetime: int, limit: int) -> None:
    """Refuse a lifetime above `limit`, both milliseconds or `NEVER`. Raises `security.token.ttl_exceeded`."""
    if limit != NEVER and (lifetime == NEVER or lifetime > limit):
        raise api_error("security.token.ttl_exceeded")


def _milliseconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    match = _TEXT.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 100 else None
    if match is None:
        return None
    for spelling, unit in _UNITS.items():
        if re.fullmatch(spelling, match[2], re.IGNORECASE):
            return float(match[1]) * _MILLISECONDS[unit]
    return None


def _unusable() -> ApiError:
    expected = 'milliseconds above 0, a duration such as "1h" or "2 days", or -1 for no end'
    return api_error("api.assert.invalid_argument", "expiresIn", expected)
