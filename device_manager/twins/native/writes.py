"""Native writes to the collections of engines and of the platform, as the domain itself would make them (design 6).

Implements `documents.writers.Owner`: a native write of a twin happens in one transaction with what belongs to it, its
history, the other side of its links, its provisioning. What it cannot keep together is refused, unless `force` says to
store the document as it is; `doctor` then tells what does not fit.
"""

from __future__ import annotations

from device_manager.errors import api_error
from device_manager.storage.contract import Document
from device_manager.twins.call import Call
from device_manager.twins.catalogue import ENGINE_TYPE, Catalogue
from device_manager.twins.documents import Source
from device_manager.twins.model_propagation import Propagation
from device_manager.twins.native.groups import GroupWriter
from device_manager.twins.native.models import ModelWriter
from device_manager.twins.native.records import GuardedWriter, RecordWriter, managed
from device_manager.twins.native.twins import AssetWriter, DeviceWriter
from device_manager.twins.places import ASSETS, CONFIG, DEVICES, ENGINE_COLLECTIONS, GROUPS, HISTORY, MODELS, Places

Writer = AssetWriter | DeviceWriter | RecordWriter | ModelWriter | GuardedWriter | GroupWriter


class NativeWrites:
    """Has the rules for the collections of engines and of the platform.

    An engine that another process made within the last second is not known yet. Nothing in it can be linked before it
    is known here, so that a native write has nothing to keep together.

    Args:
        catalogue: knows the engines.
        propagation: brings what follows from a model about.
        places: where documents live.
    """

    def __init__(self, catalogue: Catalogue, propagation: Propagation, places: Places) -> None:
        self._catalogue = catalogue
        self._propagation = propagation
        self._places = places

    def writer(self, index: str, collection: str, call: Call, *, force: bool) -> Writer | None:
        """Who writes the documents of a collection, None when there are no rules; see `documents.writers.Owner`."""
        if index == self._places.platform:
            return self._platform_writer(collection, call, force)
        if force or index not in self._catalogue.engines:
            return None
        if collection == ASSETS:
            return AssetWriter(self._places, index, call)
        if collection == DEVICES:
            return DeviceWriter(self._places, index, call)
        if collection == GROUPS:
            return GroupWriter(self._places, index, call)
        return GuardedWriter(_always) if collection == HISTORY else None

    def _platform_writer(self, collection: str, call: Call, force: bool) -> Writer | None:
        if collection == DEVICES and not force:
            return RecordWriter(self._places, call)
        if collection == MODELS and not force:
            return ModelWriter(self._catalogue, self._propagation, call)
        if collection == MODELS:
            return GuardedWriter(_never, cached=True)
        if collection == CONFIG:
            return GuardedWriter(_never if force else _is_engine, cached=True)
        return None

    def check_removal(self, index: str, collection: str | None, *, force: bool) -> None:
        """Refuse that what belongs together is emptied or removed.

        Raises:
            ApiError: `device_manager.native.managed_collection`, `services.storage.index_protected` for the platform's
                index.
        """
        if index == self._places.platform:
            if collection is None:
                raise api_error("services.storage.index_protected", index)
            if collection in (CONFIG, MODELS, DEVICES) and not force:
                raise managed(index, collection)
        elif index in self._catalogue.engines and not force:
            if collection is None:
                raise api_error("device_manager.native.managed_collection", index, "*", "device-manager/engine:delete")
            if collection in ENGINE_COLLECTIONS:
                raise managed(index, collection)


def _always(before: Document | None, source: Source | None) -> bool:
    return True


def _never(before: Document | None, source: Source | None) -> bool:
    return False


def _is_engine(before: Document | None, source: Source | None) -> bool:
    """Among other configuration, a document makes an index an engine."""
    return ENGINE_TYPE in ((before.source if before else {}).get("type"), (source or {}).get("type"))
