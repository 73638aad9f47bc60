"""Where migrated documents go: back to where they were, into another store, or nowhere in a dry run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from device_manager.errors import ApiError
from device_manager.migration.mapping import UNCHANGED, UNMADE, combined, current_mapping, note_difference
from device_manager.migration.tally import Tally
from device_manager.storage.contract import Document, Key, Put, PutKind, PutResult, Store

Source = dict[str, Any]


class Written(StrEnum):
    """What became of one document."""

    CHANGED = "changed"
    COPIED = "copied"
    PRESENT = "present"
    """It was there already."""
    STALE = "stale"
    """Somebody changed it meanwhile: read it again."""


class Arrival(NamedTuple):
    """A document on its way.

    Attributes:
        key: where it is going to be.
        document: as it was read.
        source: its new content.
        is_changed: whether the content differs from what was read, or the place.
        is_moved: whether the place differs.
    """

    key: Key
    document: Document
    source: Source
    is_changed: bool
    is_moved: bool = False


class Destination(ABC):
    """Takes collections and documents."""

    store: Store | None = None
    """The store that is written to; None in a dry run."""
    is_copy = False
    """Whether all documents are written, unchanged ones too."""

    @abstractmethod
    async def map(self, tally: Tally, index: str, collection: str, wanted: Source, current: Source | None) -> None:
        """Make a collection take documents of the mapping `wanted`, given the mapping of the data's own."""

    @abstractmethod
    async def write(self, arrivals: Sequence[Arrival]) -> list[Written | ApiError]:
        """Write documents; what became of each."""


class Nowhere(Destination):
    """A dry run: it says what would be done."""

    async def map(self, tally: Tally, index: str, collection: str, wanted: Source, current: Source | None) -> None:
        """See `Destination.map`."""
        note_difference(tally, f"{index}:{collection}", current, wanted)

    async def write(self, arrivals: Sequence[Arrival]) -> list[Written | ApiError]:
        """See `Destination.write`."""
        return [Written.CHANGED if arrival.is_changed else Written.PRESENT for arrival in arrivals]


class InPlace(Destination):
    """The store that the documents are in. A document that changes meanwhile is never overwritten."""

    def __init__(self, store: Store) -> None:
        self.store: Store = store

    async def map(self, tally: Tally, index: str, collection: str, wanted: Source, current: Source | None) -> None:
        """See `Destination.map`."""
        note_difference(tally, f"{index}:{collection}", current, wanted)
        try:
            await self.store.create_collection(index, collection, wanted)
        except ApiError as error:
            if error.is_unavailable:
                raise
            tally.treat(UNCHANGED, f"{index}:{collection}: {error.message}")

    async def write(self, arrivals: Sequence[Arrival]) -> list[Written | ApiError]:
        """See `Destination.write`."""
        puts = {place: _put_in_place(arrival) for place, arrival in enumerate(arrivals) if arrival.is_changed}
        results = dict(zip(puts, await self.store.put(list(puts.values())), strict=True)) if puts else {}
        return [_written(results[place]) if place in results else Written.PRESENT for place in range(len(arrivals))]


class Copy(Destination):
    """Another store. What is there already stays as it is."""

    is_copy = True

    def __init__(self, store: Store) -> None:
        self.store: Store = store

    async def map(self, tally: Tally, index: str, collection: str, wanted: Source, current: Source | None) -> None:
        """See `Destination.map`."""
        existing = await current_mapping(self.store, index, collection)
        if existing is None:
            note_difference(tally, f"{index}:{collection}", None, wanted)
        try:
            await self.store.create_collection(index, collection, combined(current, wanted))
        except ApiError as error:
            if error.is_unavailable:
                raise
            tally.treat(UNMADE, f"{index}:{collection}: {error.message}")

    async def write(self, arrivals: Sequence[Arrival]) -> list[Written | ApiError]:
        """See `Destination.write`."""
        puts = [Put(PutKind.CREATE, arrival.key, arrival.source) for arrival in arrivals]
        return [
            Written.COPIED if result is PutResult.WRITTEN else _written(result) for result in await self.store.put(puts)
        ]


def _put_in_place(arrival: Arrival) -> Put:
    if arrival.is_moved:
        return Put(PutKind.CREATE, arrival.key, arrival.source)
    return Put(PutKind.REPLACE, arrival.key, arrival.source, expected=arrival.document)


def _written(result: PutResult | ApiError) -> Written | ApiError:
    match result:
        case PutResult.WRITTEN:
            return Written.CHANGED
        case PutResult.STALE:
            return Written.STALE
        case ApiError():
            return result
    return Written.PRESENT
