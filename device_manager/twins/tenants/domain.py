"""Work on whole tenants, as one object."""

from __future__ import annotations

from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.tasks import Tasks
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.listeners import TwinEvents
from device_manager.twins.places import Places
from device_manager.twins.tenants.locales import ModelLocales
from device_manager.twins.tenants.migration import TenantMigration
from device_manager.twins.tenants.retention import Retention


class Tenants:
    """What is done across engines.

    Attributes:
        migration: assets that move from one to another.
        locales: the locales of models, for the assets in all of them.
        retention: removal of what they do not want to keep any longer.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        events: TwinEvents,
        places: Places,
        tasks: Tasks,
        settings: Settings,
    ) -> None:
        self.migration = TenantMigration(store, catalogue, events, places, tasks, settings.bulk_records)
        self.locales = ModelLocales(store, catalogue)
        self.retention = Retention(store, catalogue, places, tasks, settings.retention_interval)
