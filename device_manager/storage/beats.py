"""Tells which of several processes are gone from the signs of life that they write, without comparing clocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple


class _Seen(NamedTuple):
    beat: int
    since: float


class Beats:
    """Watches numbers that processes raise as long as they live.

    Args:
        patience: seconds for which a number may stay as it is.
        clock: monotonic seconds of this process.
    """

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def gone(self, beats: Mapping[str, int]) -> set[str]:
        """The processes whose number has stayed as it is for too long.

        Args:
            beats: the number of every process by its id, as stored now.
        """
        now = self._clock()
        known = self._seen
        self._seen = {
            id: known[id] if id in known and known[id].beat == beat else _Seen(beat, now) for id, beat in beats.items()
        }
        return {id for id, seen in self._seen.items() if now - seen.since > self._patience}
