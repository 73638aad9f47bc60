"""All that can be done with groups, as one object (device-manager 2.4)."""

from __future__ import annotations

from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.groups.events import GroupEvents
from device_manager.twins.groups.members import GroupMembers
from device_manager.twins.groups.reading import GroupReading
from device_manager.twins.groups.writing import GroupWriting
from device_manager.twins.listeners import TwinEvents
from device_manager.twins.places import Places


class Groups:
    """The groups of engines.

    Attributes:
        writing: creation, change and deletion.
        members: who is in them.
        reading: get, and the list of what is in them.
    """

    def __init__(
        self, store: Store, catalogue: Catalogue, events: TwinEvents, places: Places, settings: Settings
    ) -> None:
        group_events = GroupEvents(events.documents)
        limit = settings.bulk_records
        self.writing = GroupWriting(store, catalogue, group_events, places, limit)
        self.members = GroupMembers(store, catalogue, group_events, places, limit)
        self.reading = GroupReading(store, events, settings.search_size)
