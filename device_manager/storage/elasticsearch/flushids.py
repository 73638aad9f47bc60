"""Time-ordered names of flushes, from which the ids of new documents are derived (transactions 1, step 5)."""

from __future__ import annotations

import secrets
import time

DIGITS = "0123456789abcdefghijklmnopqrstuv"
"""Base 32 in the order of the characters, so that names sort by time."""

TIME_DIGITS = 10
PROCESS_DIGITS = 8
COUNT_DIGITS = 3
_COUNTS = 32**COUNT_DIGITS


def _digits(value: int, length: int) -> str:
    return "".join(DIGITS[(value >> (5 * place)) & 31] for place in reversed(range(length)))


class FlushIds:
    """Makes the names of one process; no two are equal, and later ones sort after earlier ones.

    Attributes:
        process: the random name of this process.
    """

    def __init__(self) -> None:
        self.process = _digits(secrets.randbits(5 * PROCESS_DIGITS), PROCESS_DIGITS)
        self._millis = 0
        self._count = 0

    def next(self) -> str:
        """A new name: time, process, count."""
        now = int(time.time() * 1000)  # orders names for readers; no decision rests on it
        if now > self._millis:
            self._millis, self._count = now, 0
        else:
            self._count += 1
            if self._count == _COUNTS:
                self._millis, self._count = self._millis + 1, 0
        return _digits(self._millis, TIME_DIGITS) + self.process + _digits(self._count, COUNT_DIGITS)

    def is_own(self, flush: str) -> bool:
        """Whether this process made the name."""
        return flush[TIME_DIGITS : TIME_DIGITS + PROCESS_DIGITS] == self.process
