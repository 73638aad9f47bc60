"""Frames of what the server did, one every ten seconds, kept for an hour (router-protocol 5.1)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping

import msgspec

from device_manager.router.router import Router

INTERVAL = 10.0
"""Seconds between two frames."""
KEPT = 3600.0
"""Seconds for which a frame is kept."""


class Frame(msgspec.Struct, frozen=True, rename="camel"):
    """What happened between two moments, by protocol.

    Attributes:
        completed_requests: answers that are successes.
        failed_requests: answers that are errors.
        ongoing_requests: requests that were being worked on at its end.
        connections: connections that were open at its end.
        timestamp: its end, in milliseconds since 1970.
    """

    completed_requests: dict[str, int]
    failed_requests: dict[str, int]
    ongoing_requests: dict[str, int]
    connections: dict[str, int]
    timestamp: int


class Statistics:
    """Takes a frame every ten seconds, once it is started.

    Args:
        router: counts the answers.
        connections: tells the open connections by protocol.
    """

    def __init__(self, router: Router, connections: Callable[[], Mapping[str, int]]) -> None:
        self._router = router
        self._connections = connections
        self._frames: deque[Frame] = deque(maxlen=int(KEPT / INTERVAL))
        self._completed: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take frames until `stop`."""
        self._running = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Take no more frames."""
        if self._running is not None:
            self._running.cancel()

    @property
    def frames(self) -> list[Frame]:
        """The frames of the last hour, the oldest first."""
        return list(self._frames)

    @property
    def last(self) -> Frame:
        """The last frame; in the first ten seconds one of what happened so far."""
        return self._frames[-1] if self._frames else self._take(*self._counted())

    def between(self, start: float | None, stop: float | None) -> list[Frame]:
        """The frames that ended between two moments, in milliseconds since 1970; None is open."""
        return [
            frame
            for frame in self._frames
            if (start is None or frame.timestamp >= start) and (stop is None or frame.timestamp <= stop)
        ]

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            self.note()

    def note(self) -> None:
        """Keep a frame of what happened since the last one."""
        completed, failed = self._counted()
        self._frames.append(self._take(completed, failed))
        self._completed, self._failed = completed, failed

    def _take(self, completed: Counter[str], failed: Counter[str]) -> Frame:
        return Frame(
            completed_requests=_grown(completed, self._completed),
            failed_requests=_grown(failed, self._failed),
            ongoing_requests=dict(self._router.ongoing),
            connections=dict(self._connections()),
            timestamp=int(time.time() * 1000),
        )

    def _counted(self) -> tuple[Counter[str], Counter[str]]:
        """Successes and errors by protocol since the start of the server."""
        completed: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for traffic in self._router.traffic():
            for (protocol, status), count in traffic.answers.items():
                (completed if status < 400 else failed)[protocol] += count
        return completed, failed


def _grown(now: Counter[str], then: Counter[str]) -> dict[str, int]:
    return {protocol: count - then[protocol] for protocol, count in now.items()}
