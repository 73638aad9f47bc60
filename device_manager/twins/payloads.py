"""The archive of payloads: removing old ones, and those that are decoded again (device-manager 1.5, 2.6)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from device_manager.decoders import State
from device_manager.errors import ApiError
from device_manager.query.search import Search, Sort, SourceFilter
from device_manager.query.tree import Bool, Prefix, Query, Range, Term
from device_manager.storage.contract import Document, Key, Put, PutKind, Store
from device_manager.storage.removal import remove_matching
from device_manager.storage.stamps import changed, stamp_now
from device_manager.twins.places import PAYLOADS, Places

DAY = 86_400_000
ARRIVAL = "_kuzzle_info.createdAt"


RECEIVED = "device-manager/payloads:"
"""Begins the names of the actions that take payloads to decode."""


def arrival_of(archived: Document) -> int | None:
    """When a payload came, in milliseconds since 1970; None when its document does not say."""
    created_at = (archived.source.get("_kuzzle_info") or {}).get("createdAt")
    return created_at if type(created_at) is int else None


class PayloadFilter(NamedTuple):
    """Which archived payloads are meant; what is None does not matter.

    Attributes:
        device_model: of the device that sent it, as far as it is known.
        state: `VALID`, `SKIP` or `ERROR`.
        valid: whether it was found valid.
        start: milliseconds since 1970, the first time of arrival.
        end: milliseconds since 1970, behind the last time of arrival.
        decodable: whether it came by a door behind which payloads are decoded.
    """

    device_model: str | None = None
    state: str | None = None
    valid: bool | None = None
    start: int | None = None
    end: int | None = None
    decodable: bool = False

    def query(self) -> Query:
        """The query that finds them."""
        terms = (("deviceModel", self.device_model), ("state", self.state), ("valid", self.valid))
        filters: list[Query] = [Term(field, value) for field, value in terms if value is not None]
        if self.start is not None or self.end is not None:
            filters.append(Range(ARRIVAL, gte=self.start, lt=self.end, format="epoch_millis"))
        if self.decodable:
            filters.append(Prefix("apiAction", RECEIVED))
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

    async def read(self, uuids: Sequence[str]) -> dict[str, Document]:
        """The payloads that are archived among `uuids`.

        Raises:
            ApiError: the store does not answer.
        """
        found = await self._store.read([Key(self._platform, PAYLOADS, uuid) for uuid in uuids])
        return {key.id: document for key, document in found.items()}

    async def page(self, filter: PayloadFilter, after: list[Any] | None, size: int) -> tuple[list[str], list[Any]]:
        """The uuids of the next payloads in the order of arrival, and where the page after them begins.

        Raises:
            ApiError: the store does not answer.
        """
        if after is None:
            await self._store.refresh(self._platform, PAYLOADS)
        search = Search(
            query=filter.query(),
            sort=(Sort(ARRIVAL), Sort("uuid")),
            size=size,
            search_after=None if after is None else tuple(after),
            source=SourceFilter(enabled=False),
        )
        hits = (await self._store.search(self._platform, PAYLOADS, search)).hits
        return [hit.id for hit in hits], list(hits[-1].sort) if hits else []

    async def settle(self, archived: Document, state: State, reason: str | None) -> None:
        """Give an archived payload the state of now, unless somebody else changed it meanwhile.

        Raises:
            ApiError: the store does not answer.
        """
        outcome = {"valid": state is State.VALID, "state": state.value} | ({"reason": reason} if reason else {})
        kept = {name: value for name, value in archived.source.items() if name not in ("valid", "state", "reason")}
        if kept | outcome == archived.source:
            return
        key = Key(self._platform, PAYLOADS, archived.id)
        (result,) = await self._store.put(
            [Put(PutKind.REPLACE, key, changed(kept | outcome, stamp_now(None)), expected=archived)]
        )
        if isinstance(result, ApiError):
            raise result

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
        end = int(max(0.0, time.time() * 1000 - days * DAY)) + 1  # what arrived in this very millisecond, too
        filter = PayloadFilter(device_model, valid=True if only_valid else None, end=end)
        if dry_run:
            return await self.count(filter)
        return await remove_matching(self._store, self._platform, PAYLOADS, filter.query())
