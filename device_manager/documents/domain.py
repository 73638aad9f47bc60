"""Native documents as one object: wires the parts behind the native controllers (router-protocol 5.3 to 5.8)."""

from __future__ import annotations

from device_manager.documents.batches import BatchWriting
from device_manager.documents.bulks import Bulks
from device_manager.documents.collections import CollectionAdministration
from device_manager.documents.exporting import DocumentExporting
from device_manager.documents.fixtures import Loading
from device_manager.documents.matching import Matching
from device_manager.documents.reading import DocumentReading
from device_manager.documents.removal import DocumentRemoval
from device_manager.documents.searching import DocumentSearching
from device_manager.documents.updating import DocumentUpdating
from device_manager.documents.writers import NoOwner, Owner
from device_manager.documents.writing import DocumentWriting
from device_manager.events.bus import EventBus
from device_manager.events.documents import DocumentEvents
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.storage.scrolling import Scrolling


class Documents:
    """Documents, collections and indices by name.

    Args:
        store: where they are.
        bus: runs the pipes.
        settings: limits.
        owner: has rules for some collections; without one all are free.

    Attributes:
        writing: one document at a time.
        batches: by the list.
        reading: by id.
        searching: by query.
        exporting: writes them down.
        removal: deletes by query.
        updating: changes by query.
        collections: collections and indices.
        bulks: by the lines of a bulk.
        loading: by the file.
    """

    def __init__(self, store: Store, bus: EventBus, settings: Settings, owner: Owner | None = None) -> None:
        owner = owner or NoOwner()
        events = DocumentEvents(bus)
        self.writing = DocumentWriting(store, events, owner)
        self.batches = BatchWriting(store, events, owner, settings.documents_write_count)
        self.reading = DocumentReading(store, events, settings.search_size)
        matching = Matching(store, settings.documents_write_count)
        scrolling = Scrolling(store, settings)
        self.searching = DocumentSearching(store, events, scrolling, settings.search_size)
        self.exporting = DocumentExporting(store)
        self.removal = DocumentRemoval(store, events, owner, matching)
        self.updating = DocumentUpdating(store, events, owner, matching)
        self.collections = CollectionAdministration(store, owner, self.removal)
        self.bulks = Bulks(store, owner)
        self.loading = Loading(store, self.bulks, self.collections)
