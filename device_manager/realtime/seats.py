"""A client's place in a channel: what it is sent, and what waits until it was told the name of the channel."""

from __future__ import annotations

import asyncio

from device_manager.realtime.clients import Client

MOST_HELD_SECONDS = 30.0
"""After that nothing is held back any longer although nobody said that the request was answered."""
MOST_HELD = 1 << 20
"""Bytes that wait for the answer to a subscription. Beyond it they are dropped and the subscription has to fail, unless
the client knows the channel already, so that nothing has to wait. A client whose subscription is answered as a success
all the same is cut."""
LOST = "notifications were lost before the answer to a subscription"


class Seat:
    """One client in one channel.

    SDKs throw away notifications of channels that they do not know yet, so nothing is sent before the answer that
    names the channel: it is held, and follows in order.

    Args:
        client: who sits there.
        start: number of the newest entry when it sat down; it is sent nothing older.

    Attributes:
        is_broken: something was dropped before the client heard of the channel.
    """

    __slots__ = ("_client", "_held", "_held_bytes", "_holds", "_is_answered", "_is_known", "is_broken", "start")

    def __init__(self, client: Client, start: int) -> None:
        self.start = start
        self.is_broken = False
        self._client = client
        self._is_known = False
        self._is_answered = False
        self._holds = 0
        self._held: list[bytes] = []
        self._held_bytes = 0

    def send(self, frame: bytes, number: int | None = None) -> None:
        """Send a notification, or keep it until nothing holds it back.

        Args:
            frame: the encoded message.
            number: of the entry that it is about, if it has one.
        """
        if number is not None and number <= self.start:
            return
        if not self._holds:
            if self._client.push is not None:
                self._client.push(frame)
            return
        if self.is_broken:
            return
        self._held.append(frame)
        self._held_bytes += len(frame)
        if self._held_bytes <= MOST_HELD:
            return
        if self._is_known:
            self._let_go()
        else:
            self.is_broken = True
            self._held.clear()

    def replay(self, frame: bytes) -> None:
        """Queue something that is older than the seat, while it is held."""
        self._held.append(frame)

    def hold(self) -> None:
        """Keep what comes until `release` or `abandon` was called as often."""
        self._holds += 1

    def release(self) -> None:
        """The client hears of the channel: send what was kept, unless somebody else holds it back."""
        self._is_answered = True
        self.abandon()

    def abandon(self) -> None:
        """Hold it back no longer, for a request that is answered by an error."""
        if self._holds > 1:
            self._holds -= 1
        elif self._holds:
            self._let_go()

    def _let_go(self) -> None:
        self._holds = 0
        self._held_bytes = 0
        self._is_known = True
        if self.is_broken and self._is_answered and self._client.cut is not None:
            self._client.cut(LOST)
        held, self._held = self._held, []
        for frame in held:
            if self._client.push is not None:
                self._client.push(frame)


class Hold:
    """Keeps back what a seat is sent, until it is released once, or for some seconds at most."""

    __slots__ = ("_seat", "_timer")

    def __init__(self, seat: Seat) -> None:
        self._seat: Seat | None = seat
        seat.hold()
        loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = loop.call_later(MOST_HELD_SECONDS, self.release)

    @property
    def is_broken(self) -> bool:
        """Whether something was dropped, so that the subscription has to fail."""
        return self._seat is not None and self._seat.is_broken

    def release(self) -> None:
        """Let go because the client is told of the channel; further calls do nothing."""
        if (seat := self._taken()) is not None:
            seat.release()

    def abandon(self) -> None:
        """Let go because the request failed; further calls do nothing."""
        if (seat := self._taken()) is not None:
            seat.abandon()

    def _taken(self) -> Seat | None:
        seat, self._seat = self._seat, None
        timer, self._timer = self._timer, None  # it refers back here
        if timer is not None:
            timer.cancel()
        return seat
