"""Native writes to the platform's collections, and to those that nothing but the domain writes (design 6). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document, Key, Transaction
from device_manager.twins.call import Call
from device_manager.twins.catalogue import GENERATION, raise_generation
from device_manager.twins.device_steps import delete_device, device_keys, removal_keys
from device_manager.twins.documents import Source, Stamp
from device_manager.twins.places import ASSETS, CONFIG, DEVICES, GROUPS, HISTORY, MODELS, Places, device_key, twin_id
from device_manager.twins.workspace import Workspace

KEEPERS = {
    ASSETS: "the actions of device-manager/assets",
    DEVICES: "the actions of device-manager/devices",
    HISTORY: "the actions that change assets",
    GROUPS: "the actions of device-manager/groups",
    MODELS: "the actions of device-manager/models",
    CONFIG: "device-manager/engine:create and delete",
}
"""Who writes a collection instead."""

Covers = Callable[[Document | None, Source | None], bool]
"""Whether a write, from the stored document to the new source, is refused."""


def managed(index: str, collection: str) -> ApiError:
    """The refusal of a write that the domain makes itself."""
    keeper = KEEPERS.get(collection, "device-manager/engine:delete")
    return api_error("device_manager.native.managed_collection", index, collection, keeper)


def native_id(id: str | None, source: Source) -> str:
    """The id of a new twin: what the caller says, else what follows from model and reference.

    Raises:
        ApiError: `api.assert.missing_argument`.
    """
    if id is not None:
        return id
    model, reference = source.get("model"), source.get("reference")
    if not isinstance(model, str) or not isinstance(reference, str):
        raise api_error("api.assert.missing_argument", "_id")
    return twin_id(model, reference)


def check_unchanged(id: str, member: str, before: object, after: object, keeper: str) -> None:
    """Refuse that a write changes a member which belongs together with other documents; null and empty are the same.

    Raises:
        ApiError: `device_manager.native.managed_member`.
    """
    if (before or None) != (after or None):
        raise api_error("device_manager.native.managed_member", member, id, keeper)


class GuardedWriter:
    """Writes documents as they are, but for those that the domain writes itself.

    Args:
        covers: which writes are refused.
        cached: the documents are kept in memory by every process.
    """

    def __init__(self, covers: Covers, *, cached: bool = False) -> None:
        self._covers = covers
        self._cached = cached

    def related(self, keys: Sequence[Key]) -> Sequence[Key]:
        """See `documents.writers.Writer`."""
        return (GENERATION,) if self._cached else ()

    def partners(self, stored: Mapping[Key, Document]) -> Sequence[Key]:
        """See `documents.writers.Writer`."""
        return ()

    def create(
        self, tx: Transaction, index: str, collection: str, source: Source, id: str | None, stamp: Stamp
    ) -> Document:
        """See `documents.writers.Writer`."""
        self._check(index, collection, None, source)
        document = tx.create(index, collection, source, id)
        self._tell(tx)
        return document

    def replace(self, tx: Transaction, key: Key, before: Document, source: Source, stamp: Stamp) -> Document:
        """See `documents.writers.Writer`."""
        self._check(key.index, key.collection, before, source)
        document = tx.replace(key, source)
        self._tell(tx)
        return document

    def delete(self, tx: Transaction, key: Key, before: Document, stamp: Stamp) -> None:
        """See `documents.writers.Writer`."""
        self._check(key.index, key.collection, before, None)
        tx.delete(key)
        self._tell(tx)

    def _check(self, index: str, collection: str, before: Document | None, source: Source | None) -> None:
        if self._covers(before, source):
            raise managed(index, collection)

    def _tell(self, tx: Transaction) -> None:
        if self._cached:
            raise_generation(tx)


class RecordWriter:
    """Writes the platform's records of devices: a device comes into an engine by being attached, and leaves it whole.

    Args:
        places: where documents live.
        call: the caller.
    """

    def __init__(self, places: Places, call: Call) -> None:
        self._places = places
        self._call = call

    def related(self, keys: Sequence[Key]) -> Sequence[Key]:
        """See `documents.writers.Writer`."""
        return ()

    def partners(self, stored: Mapping[Key, Document]) -> Sequence[Key]:
        """See `documents.writers.Writer`."""
        return [
            device_key(engine, key.id) for key, record in stored.items() if (engine := record.source.get("engineId"))
        ]

    def create(
        self, tx: Transaction, index: str, collection: str, source: Source, id: str | None, stamp: Stamp
    ) -> Document:
        """See `documents.writers.Writer`."""
        id = native_id(id, source)
        check_unchanged(id, "engineId", None, source.get("engineId"), "attaching")
        return tx.create(index, collection, source, id)

    def replace(self, tx: Transaction, key: Key, before: Document, source: Source, stamp: Stamp) -> Document:
        """See `documents.writers.Writer`."""
        attached_to = before.source.get("engineId")
        check_unchanged(
            key.id,
            "engineId",
            attached_to,
            source.get("engineId"),
            "device-manager/devices:attachEngine or detachEngine",
        )
        return tx.replace(key, source)

    def delete(self, tx: Transaction, key: Key, before: Document, stamp: Stamp) -> None:
        """See `documents.writers.Writer`. An attached device leaves its engine, and its assets, too."""
        engine = before.source.get("engineId")
        if not engine:
            tx.delete(key)
            return
        work = Workspace(tx, self._places, self._call)
        work.load(device_keys(self._places, engine, key.id))
        work.provisioning(key.id)
        if device_key(engine, key.id) not in work.documents:
            tx.delete(key)
            return
        work.load(removal_keys(work, engine, key.id))
        delete_device(work, engine, key.id, stamp)
