"""The twins that one transaction works on: what it read, with the changes that it made so far (design 6)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from device_manager.errors import ApiError, api_error
from device_manager.storage.contract import Document, Key, Transaction
from device_manager.twins.call import Call
from device_manager.twins.documents import Source
from device_manager.twins.models import Model, read_model
from device_manager.twins.places import HISTORY, Places, asset_key, device_key

ANYBODY = Call()
"""A caller with a right to every engine."""


class View:
    """Documents that were read, and what the domain asks of them.

    Attributes:
        places: where documents live.
        documents: those that exist.
        call: the caller; devices in engines that it has no right to do not exist for it.
    """

    def __init__(self, places: Places, documents: Mapping[Key, Document] | None = None, call: Call = ANYBODY) -> None:
        self.places = places
        self.documents: dict[Key, Document] = dict(documents or {})
        self.call = call

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
        return self.get(device_key(self.attachment(device_id, engine), device_id))

    def attachment(self, device_id: str, engine: str | None = None) -> str:
        """The engine that a device is attached to, which is `engine` if one is named.

        Raises:
            ApiError: `services.storage.not_found`, `device_manager.devices.not_attached` or `attached_elsewhere`.
        """
        own: str | None = self.provisioning(device_id).source.get("engineId")
        if not own:
            raise api_error("device_manager.devices.not_attached", device_id)
        if engine not in (None, own):
            raise api_error("device_manager.devices.attached_elsewhere", device_id)
        return own

    def provisioning(self, device_id: str) -> Document:
        """The platform's record of a device, unless it is attached where the caller has no right.

        Raises:
            ApiError: `services.storage.not_found`.
        """
        key = self.places.provisioning(device_id)
        document = self.get(key)
        attached_to = document.source.get("engineId")
        if attached_to and not self.call.may_use(attached_to):
            raise api_error("services.storage.not_found", key.id, key.index, key.collection)
        return document

    def asset(self, engine: str, asset_id: str) -> Document:
        """An asset. Raises `services.storage.not_found`."""
        return self.get(asset_key(engine, asset_id))


class Workspace(View):
    """The view that a transaction has of the documents that it works on, and the changes that it makes to them."""

    def __init__(self, tx: Transaction, places: Places, call: Call = ANYBODY) -> None:
        super().__init__(places, call=call)
        self._tx = tx
        self._undo: list[Callable[[], None]] = []
        self._depth = 0

    def load(self, keys: Iterable[Key]) -> None:
        """Read the documents among `keys` that were not read yet, in one round trip at most."""
        missing = [key for key in keys if key not in self.documents]
        if missing:
            self.documents.update(self._tx.read(missing))

    @contextlib.contextmanager
    def as_one(self) -> Iterator[None]:
        """Take back all that was changed inside when something is refused; deletions, which never are, come last."""
        begun = len(self._undo)
        self._depth += 1
        try:
            yield
        except ApiError:
            while len(self._undo) > begun:
                self._undo.pop()()
            raise
        finally:
            self._depth -= 1
            if not self._depth:
                self._undo.clear()  # what it holds refers to this workspace, which nothing but the collector would free

    def create(self, key: Key, source: Source) -> Document:
        """Add a document. Raises `services.storage.document_already_exists` and what the mapping refuses."""
        document = self._tx.create(key.index, key.collection, source, key.id)
        self.documents[key] = document

        def undo() -> None:
            self._tx.delete(key)
            self.documents.pop(key, None)

        self._note(undo)
        return document

    def replace(self, key: Key, source: Source) -> Document:
        """Give a loaded document a new content. Raises what the mapping refuses."""
        before = self.get(key)
        version = self._tx.replace(key, source).version
        self.documents[key] = after = Document(before.id, source, version, before.token)

        def undo() -> None:
            self._tx.replace(key, before.source)
            self.documents[key] = before

        self._note(undo)
        return after

    def delete(self, key: Key) -> None:
        """Remove a loaded document."""
        self._tx.delete(key)
        del self.documents[key]

    def record(self, engine: str, entry: Source) -> None:
        """Add a history entry. Raises what the mapping refuses."""
        document = self._tx.create(engine, HISTORY, entry)
        self._note(lambda: self._tx.delete(Key(engine, HISTORY, document.id)))

    def _note(self, undo: Callable[[], None]) -> None:
        """Remember how a change inside of `as_one` is taken back."""
        if self._depth:
            self._undo.append(undo)

    def hold(self, engine: str) -> None:
        """Make the commit depend on the engine staying in use: its deletion marks the same document first.

        Raises:
            ApiError: `device_manager.engines.unknown`.
        """
        key = self.places.engine_config(engine)
        self.load((key,))
        config = self.documents.get(key)
        if config is None or config.source["engine"].get("closing"):
            raise api_error("device_manager.engines.unknown", engine)
        self._tx.touch(key)

    def model(self, planned: Model) -> Model:
        """A model, as it is at this moment, of which a new twin is going to be.

        It is read, not written: whoever deletes a model marks it and looks for its twins only afterwards, and whoever
        changes one looks for those that were made before the change.

        Raises:
            ApiError: `device_manager.models.closing`; the model is gone.
        """
        key = self.places.model(planned.id)
        self.load((key,))
        document = self.documents.get(key)
        current = read_model(document) if document else None
        if current is None:
            raise api_error(f"device_manager.models.unknown_{planned.kind}", planned.name)
        if current.is_closing:
            raise api_error("device_manager.models.closing", planned.kind, planned.name)
        return current

    def write(self, engine: str, changes: Sequence[tuple[Key, Source]], history: Sequence[Source]) -> None:
        """Give documents new contents and add history entries: all of it, or none when the mapping refuses a part."""
        with self.as_one():
            for key, source in changes:
                self.replace(key, source)
            for entry in history:
                self.record(engine, entry)
