"""The twins that one transaction works on: what it read, with the changes that it made so far (design 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document, Key, Transaction
from device_manager.twins.documents import Source
from device_manager.twins.places import HISTORY, Places, asset_key, device_key


class View:
    """Documents that were read, and what the domain asks of them.

    Attributes:
        places: where documents live.
        documents: those that exist.
    """

    def __init__(self, places: Places, documents: Mapping[Key, Document] | None = None) -> None:
        self.places = places
        self.documents: dict[Key, Document] = dict(documents or {})

    def get(self, key: Key) -> Document:
        """A document. Raises `services.storage.not_found`."""
        document = self.documents.get(key)
        if document is None:
            raise api_error("services.storage.not_found", key.id, key.index, key.collection)
        return document

    def attached_device(self, engine: str, device_id: str) -> Document:
        """A device in the engine that it has to be attached to.

        The provisioning document is read, not written: detaching writes the engine's document too, so a change of
        either makes a transaction that writes the device start again.

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.not_attached` or `attached_elsewhere`.
        """
        attached_to = self.get(self.places.provisioning(device_id)).source.get("engineId")
        if not attached_to:
            raise api_error("device_manager.devices.not_attached", device_id)
        if attached_to != engine:
            raise api_error("device_manager.devices.attached_elsewhere", device_id)
        return self.get(device_key(engine, device_id))

    def asset(self, engine: str, asset_id: str) -> Document:
        """An asset. Raises `services.storage.not_found`."""
        return self.get(asset_key(engine, asset_id))


class Workspace(View):
    """The view that a transaction has of the documents that it works on.

    Attributes:
        writes: how many steps wrote something; whoever adds a way to write counts it here.
    """

    def __init__(self, tx: Transaction, places: Places) -> None:
        super().__init__(places)
        self.writes = 0
        self._tx = tx

    def load(self, keys: Iterable[Key]) -> None:
        """Read the documents among `keys` that were not read yet, in one round trip at most."""
        missing = [key for key in keys if key not in self.documents]
        if missing:
            self.documents.update(self._tx.read(missing))

    def write(self, engine: str, changes: Sequence[tuple[Key, Source]], history: Sequence[Source]) -> None:
        """Give documents new contents and add history entries: all of it, or none when the mapping refuses a part."""
        done: list[Key] = []
        try:
            for key, source in changes:
                self._tx.replace(key, source)
                done.append(key)
            for entry in history:
                self._tx.create(engine, HISTORY, entry)
        except ApiError:
            for key in done:
                self._tx.replace(key, self.documents[key].source)
            raise
        self.writes += 1
        for key, source in changes:
            before = self.documents[key]
            self.documents[key] = Document(before.id, source, before.version, before.token)
