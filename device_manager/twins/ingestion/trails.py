"""Where the payloads of a device led lately, so that the next one can read all of its way at once (design 7)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from device_manager.errors import ApiError
from device_manager.storage.contract import Document, Key, Store

Fed = Mapping[str, tuple[str, str]]
"""Device slot -> (asset, asset slot)."""

MOST = 20_000
"""Devices whose trails are remembered."""


class Trail(NamedTuple):
    """Where a device was, and what its links fed, when its last payload came."""

    engine: str
    fed: Fed


class Trails:
    """The trails of the devices that sent something last. They say what to read, never what is true."""

    def __init__(self) -> None:
        self._trails: OrderedDict[str, Trail] = OrderedDict()

    def get(self, device: str) -> Trail | None:
        """Where its last payload led."""
        return self._trails.get(device)

    def keep(self, device: str, trail: Trail) -> None:
        """Remember where a payload of it led."""
        self._trails[device] = trail
        self._trails.move_to_end(device)
        if len(self._trails) > MOST:
            self._trails.popitem(last=False)


class PayloadReads:
    """The reads for one payload: what one of them asked for, the next ones do not ask for again.

    Attributes:
        found: what they found.
    """

    def __init__(self, store: Store) -> None:
        self.found: dict[Key, Document] = {}
        self._store = store
        self._asked: set[Key] = set()

    async def read(self, keys: Iterable[Key], expected: Iterable[Key] = ()) -> dict[Key, Document]:
        """All that was found until now: those documents that exist among `keys` are there.

        Args:
            keys: what is needed.
            expected: what is likely to be needed next; it comes along if anything is read.

        Raises:
            ApiError: what `Store.read` raises for `keys`; the places of `expected` may be gone.
        """
        needed = [key for key in keys if key not in self._asked]
        if not needed:
            return self.found
        asked = dict.fromkeys([*needed, *expected])
        try:
            found = await self._store.read(asked)
        except ApiError as error:
            if error.is_fault or len(asked) == len(needed):
                raise
            asked = dict.fromkeys(needed)
            found = await self._store.read(asked)
        self._asked.update(asked)
        self.found.update(found)
        return self.found
