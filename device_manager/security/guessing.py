"""Makes guessing passwords slow without keeping anybody out for long (design 8). What is counted is in memory only.

Attempts are counted by user and address, by user, and by address. Beyond the free ones each has to wait for the last
one's delay, which doubles up to a bound. Whoever got in from an address before is not held up there by what others do.
Names are counted whether or not anybody has them, so nothing tells who exists.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from device_manager.errors import api_error

MOST_TALLIES = 50_000
"""Users and addresses that are counted; beyond it the one that was quiet for longest is forgotten."""
FORGIVEN_AFTER = 900.0
"""Seconds without an attempt after which the count starts anew."""
FIRST_DELAY = 1.0
LONGEST_NAME = 100
"""Characters of a name that are kept as they are."""
OF_ONE_USER, OF_ONE_ADDRESS = 20, 10
"""How many times the free attempts there are for one user from everywhere, and from one address for everybody."""


class _Tally:
    """Failed attempts, and until when the next one has to wait."""

    __slots__ = ("failures", "last", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.until = 0.0
        self.last = 0.0


class Attempt:
    """One attempt to log in, counted as failed so far."""

    __slots__ = ("_counted", "_guessing")

    def __init__(self, guessing: Guessing, counted: list[tuple[tuple[str, str], _Tally, float]]) -> None:
        self._guessing = guessing
        self._counted = counted

    def succeeded(self) -> None:
        """It was right: forget the failed ones of this user, and remember where the user is."""
        for number, (key, tally, until) in enumerate(self._counted):
            if not key[0]:
                tally.failures -= 1
                tally.until = until
                continue
            self._guessing.forget(key)
            if not number:
                self._guessing.remember(key)

    def withdraw(self) -> None:
        """Nobody knows whether it was right: it does not count."""
        for _, tally, until in self._counted:
            tally.failures -= 1
            tally.until = until


class Guessing:
    """Counts the attempts to log in.

    Args:
        free: attempts of one user from one address that may fail before there is a delay; 0 never makes one wait.
        longest: seconds of the longest delay.
        clock: seconds that only grow.

    Attributes:
        refused: attempts that came too early.
    """

    def __init__(self, free: int, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = free
        self._longest = longest
        self._clock = clock
        self.refused = 0
        self._tallies: OrderedDict[tuple[str, str], _Tally] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def begin(self, name: str, address: str) -> Attempt:
        """Count an attempt as failed, which it is until more is known: so a burst of them cannot slip through.

        Args:
            name: whom the caller claims to be.
            address: where the caller is.

        Raises:
            ApiError: `api.process.too_many_logins_requests` (429), its `retryAfter` being whole seconds.
        """
        if not self._free:
            return Attempt(self, [])
        now = self._clock()
        keys = self._keys(_short(name), _short(_network(address)))
        tallies = [(self._tally(key, now), free) for key, free in keys]
        wait = max(tally.until - now for tally, _ in tallies)
        if wait > 0:
            self.refused += 1
            raise api_error("api.process.too_many_logins_requests", retryAfter=int(wait) + 1)
        attempt = Attempt(self, [(key, tally, tally.until) for (key, _), (tally, _) in zip(keys, tallies, strict=True)])
        for tally, free in tallies:
            tally.failures += 1
            tally.last = now
            beyond = tally.failures - free
            if beyond >= 0:
                tally.until = now + min(self._longest, FIRST_DELAY * 2.0 ** min(beyond, 30))
        return attempt

    def remember(self, pair: tuple[str, str]) -> None:
        """Note that a user got in from an address."""
        self._known[pair] = None
        self._known.move_to_end(pair)
        while len(self._known) > MOST_TALLIES:
            self._known.popitem(last=False)

    def forget(self, key: tuple[str, str]) -> None:
        """Begin to count anew."""
        self._tallies.pop(key, None)

    def _keys(self, name: str, network: str) -> list[tuple[tuple[str, str], int]]:
        """What an attempt counts for, with the free attempts of each."""
        pair = ((name, network), self._free)
        if (name, network) in self._known:
            return [pair]
        return [pair, ((name, ""), self._free * OF_ONE_USER), (("", network), self._free * OF_ONE_ADDRESS)]

    def _tally(self, key: tuple[str, str], now: float) -> _Tally:
        tally = self._tallies.get(key)
        if tally is None or (now - tally.last > FORGIVEN_AFTER and tally.until <= now):
            tally = self._tallies[key] = _Tally()
        self._tallies.move_to_end(key)
        while len(self._tallies) > MOST_TALLIES:
            self._tallies.popitem(last=False)
        return tally


def _short(text: str) -> str:
    """The text, or what stands for a long one: callers choose names, and 50,000 of them are kept."""
    return text if len(text) <= LONGEST_NAME else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _network(address: str) -> str:
    """The address, of version 6 the network of which one subscriber has all addresses."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address or "inside"
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
