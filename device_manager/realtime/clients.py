"""Who can be told things: what subscriptions need to know of a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Client(Protocol):
    """A connection that can be told things unasked; the router's `Connection` is one.

    Attributes:
        id: unique.
        protocol: how it talks to the server.
        push: sends one encoded text message; None for a client that cannot be told anything unasked.
        cut: ends the connection and tells the client why: it was not sent what it should have been. None for one that
            has left.
    """

    id: str
    protocol: str
    push: Callable[[bytes], None] | None
    cut: Callable[[str], None] | None

    def on_close(self, listener: Callable[[Any], None]) -> None:
        """Call `listener` with this client once it has left. A listener that is there already is not added again."""
