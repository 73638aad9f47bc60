"""Native documents as one object: wires the parts behind the native controllers (router-protocol 5.3 to 5.8)."""

from __future__ import annotations

from typing import Any

from device_manager.documents.batches import BatchWriting
from device_manager.documents.bulks import Bulks
from device_manager.documents.collections import CollectionAdministration
from device_manager.documents.exporting import DocumentExporting
from device_manager.documents.fixtures import Loading
from device_manager.documents.matching import Matching
from device_manager.documents.places import Places
from device_manager.documents.reading import DocumentReading
from device_manager.documents.removal import DocumentRemoval
from device_manager.documents.searching import DocumentSearching
from device_manager.documents.specifications.parsing import DocumentFilter, ReadFilter
from device_manager.documents.specifications.service import Specifications
from device_manager.documents.updating import DocumentUpdating
from device_manager.documents.writers import NoOwner, Owner
from device_manager.documents.writing import DocumentWriting
from device_manager.errors import api_error
from device_manager.events.bus import EventBus
from device_manager.events.documents import DocumentEvents
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.storage.scrolling import Scrolling


def no_filters(filter: Any) -> DocumentFilter:
    """Reads no filter. Raises `validation.assert.invalid_filters`."""
    raise api_error("validation.assert.invalid_filters", "there is nothing here that reads filters")


class Documents:
    """Documents, collections and indices by name.

    Args:
        store: where they are.
        bus: runs the pipes.
        settings: limits.
        owner: has rules for some collections; without one all are free.
        read_filter: reads the validators of specifications.

    Attributes:
        writing: one document at a time.
        batches: by the list.
        reading: by id.
        searching: by query.
        exporting: writes them down.
        removal: deletes by query.
        updating: changes by query.
        specifications: what the documents of collections have to be like.
        collections: collections and indices.
        bulks: by the lines of a bulk.
        loading: by the file.
    """

    def __init__(
        self,
        store: Store,
        bus: EventBus,
        settings: Settings,
        owner: Owner | None = None,
        read_filter: ReadFilter = no_filters,
    ) -> None:
        owner = owner or NoOwner()
        events = DocumentEvents(bus)
        limit = settings.documents_write_count
        matching = Matching(store, limit)
        scrolling = Scrolling(store, settings)
        self.specifications = Specifications(store, scrolling, read_filter, settings.search_size)
        places = Places(owner, self.specifications)
        self.writing = DocumentWriting(store, events, places)
        self.batches = BatchWriting(store, events, places, limit)
        self.reading = DocumentReading(store, events, settings.search_size)
        self.searching = DocumentSearching(store, events, scrolling, settings.search_size)
        self.exporting = DocumentExporting(store)
        self.removal = DocumentRemoval(store, events, places, matching)
        self.updating = DocumentUpdating(store, events, places, matching)
        self.collections = CollectionAdministration(store, bus, owner, self.removal)
        self.bulks = Bulks(store, places)
        self.loading = Loading(store, self.bulks, self.collections)

    async def start(self) -> None:
        """Read what writes have to know. Raises ApiError when the store does not answer."""
        await self.specifications.start()

    async def close(self) -> None:
        """Stop what runs in the background."""
        await self.specifications.close()
