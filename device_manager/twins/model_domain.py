"""Everything about models as one object."""

from __future__ import annotations

from device_manager.events.documents import DocumentEvents
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.tasks import Tasks
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.engines import Engines
from device_manager.twins.model_deletion import ModelDeletion
from device_manager.twins.model_mapping import ModelMapping
from device_manager.twins.model_propagation import Propagation
from device_manager.twins.model_reading import ModelReading
from device_manager.twins.model_writing import ModelWriting
from device_manager.twins.places import Places


class ModelDomain:
    """Models, from the request to the last twin.

    Attributes:
        writing: writes models.
        deletion: deletes models.
        reading: reads models for clients.
        mapping: keeps collections as models want them.
        propagation: keeps twins as models want them.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        engines: Engines,
        tasks: Tasks,
        events: DocumentEvents,
        places: Places,
        settings: Settings,
    ) -> None:
        self.mapping = ModelMapping(store, catalogue, engines, places)
        self.propagation = Propagation(store, catalogue, places, self.mapping, tasks)
        self.writing = ModelWriting(store, catalogue, self.mapping, self.propagation, tasks, events, places)
        self.deletion = ModelDeletion(store, catalogue, places)
        self.reading = ModelReading(store, catalogue, places, settings.search_size)
