"""Measures as one object: wires reading, records and their rebuilding (device-manager 2.2, 2.3, transactions 2)."""

from __future__ import annotations

from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.tasks import Tasks
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.measures.following import Following
from device_manager.twins.measures.pruning import MeasurePruning
from device_manager.twins.measures.purging import MeasurePurging
from device_manager.twins.measures.reading import MeasureReading
from device_manager.twins.measures.rebuilding import Rebuilding
from device_manager.twins.measures.slots import SlotRegister
from device_manager.twins.measures.state import States
from device_manager.twins.places import Places


class Measures:
    """Stored measures, and what is known of the newest ones.

    Attributes:
        register: which slots have records; `register.ensure` before measures are stored.
        reading: history and last measures, for clients.
        states: assets as they were.
        rebuilding: makes records agree with history.
        pruning: removes measures that are older than they are kept.
        purging: removes the measures of devices that are gone.
        following: does so after writes that ingestion did not make.
    """

    def __init__(self, store: Store, catalogue: Catalogue, places: Places, tasks: Tasks, settings: Settings) -> None:
        self.register = SlotRegister(store, catalogue)
        self.reading = MeasureReading(store, catalogue, self.register, settings.search_size)
        self.states = States(store, catalogue, self.reading)
        self.rebuilding = Rebuilding(store, self.register)
        self.pruning = MeasurePruning(store, self.rebuilding)
        self.purging = MeasurePurging(store, self.rebuilding)
        tasks.register(self.rebuilding.task)
        tasks.register(self.pruning.task)
        self.following = Following(store, catalogue, places, tasks, self.rebuilding, self.register)
