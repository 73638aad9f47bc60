"""The archive of payloads: removing old ones, and finding those to decode again (device-manager 1.5, 2.6)."""

from __future__ import annotations

import time
from typing import NamedTuple

from device_manager.query.search import Search
from device_manager.query.tree import Bool, Query, Range, Term
from device_manager.storage.contract import Store
from device_manager.storage.removal import remove_matching
from device_manager.twins.places import PAYLOADS, Places

DAY = 86_400_000
ARRIVAL = "_kuzzle_info.createdAt"


class PayloadFilter(NamedTuple):
    """Which archived payloads are meant; what is None does not matter.

    Attributes:
        device_model: of the device that sent it, as far as it is known.
        state: `VALID`, `SKIP` or `ERROR`.
        valid: whether it was found valid.
        start: milliseconds since 1970, the first time of arrival.
        end: milliseconds since 1970, behind the last time of arrival.
    """

    device_model: str | None = None
    state: str | None = None
    valid: bool | None = None
    start: int | None = None
    end: int | None = None

    def query(self) -> Query:
        """The query that finds them."""
        terms = (("deviceModel", self.device_model), ("state", self.state), ("valid", self.valid))
        filters: list[Query] = [Term(field, value) for field, value in terms if value is not None]
        if self.start is not None or self.end is not None:
            filters.append(Range(ARRIVAL, gte=self.start, lt=self.end, format="epoch_millis"))
        return Bool(filter=tuple(filters))


class PayloadArchive:
    """The payloads that have arrived, whatever became of them.

    Args:
        store: where they are.
        places: where documents live.
    """

    def __init__(self, store: Store, places: Places) -> None:
        self._store = store
        self._platform = places.platform

    async def count(self, filter: PayloadFilter) -> int:
        """How many there are.

        Raises:
            ApiError: the store does not answer.
        """
        await self._store.refresh(self._platform, PAYLOADS)
        search = Search(query=filter.query(), size=0)
        return (await self._store.search(self._platform, PAYLOADS, search)).total

    async def prune(
        self, days: float, *, device_model: str | None = None, only_valid: bool = True, dry_run: bool = False
    ) -> int:
        """Remove payloads that arrived more than `days` ago, some at a time; how many those were.

        Args:
            days: of 24 hours; 0 removes everything that has arrived so far.
            device_model: only those of a device model.
            only_valid: leave those that were skipped, refused, or sent by unknown devices.
            dry_run: count them.

        Raises:
            ApiError: the store does not answer; some may be removed then.
        """
        end = int(time.time() * 1000 - days * DAY) + 1  # what arrived in this very millisecond, too
        filter = PayloadFilter(device_model, valid=True if only_valid else None, end=end)
        if dry_run:
            return await self.count(filter)
        return await remove_matching(self._store, self._platform, PAYLOADS, filter.query())
