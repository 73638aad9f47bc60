"""What decisions see: everything that was decided before them, committed or not."""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from device_manager.storage.contract import Document, Key
from device_manager.storage.sqlite.catalogue import Catalogue, Collection
from device_manager.storage.sqlite.groups import GroupCommit
from device_manager.storage.sqlite.layout import SERIAL_MASK
from device_manager.storage.sqlite.reading import distinct_by_collection, read_documents
from device_manager.storage.sqlite.recent import RecentRows


class WriteNumbers:
    """Numbers the writes; `upcoming` is the number of the next one."""

    def __init__(self, upcoming: int) -> None:
        self.upcoming = upcoming

    def take(self) -> int:
        """The number of a write."""
        self.upcoming += 1
        return self.upcoming - 1


class DecisionView:
    """Implements `transaction.View` on a connection that belongs to the thread of the decision.

    `recent` is for decisions on the event loop.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        groups: GroupCommit,
        numbers: WriteNumbers,
        connection: apsw.Connection,
        recent: RecentRows | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._groups = groups
        self._numbers = numbers
        self._connection = connection
        self._recent = recent

    def collection(self, index: str, name: str) -> Collection:
        """See `transaction.View`."""
        return self._catalogue.get(index, name)

    def newest(self, keys: Iterable[Key]) -> dict[Key, Document]:
        """See `transaction.View`."""
        asked = list(keys)
        pending = self._groups.pending(asked)
        found = {key: document for key, document in pending.items() if document is not None}
        for (index, name), ids in distinct_by_collection(key for key in asked if key not in pending).items():
            for document in read_documents(self._connection, self._catalogue.get(index, name), ids, self._recent):
                found[Key(index, name, document.id)] = document
        return found

    def is_pending(self, key: Key) -> bool:
        """See `transaction.View`."""
        return self._groups.is_pending(key)

    def next_seq(self) -> int:
        """See `transaction.View`."""
        return self._numbers.take()

    def next_rid(self, collection: Collection) -> int:
        """See `transaction.View`."""
        first, last = collection.rids
        if collection.serial is None:
            newest = self._connection.execute("SELECT max(rid) FROM doc WHERE rid BETWEEN ? AND ?", (first, last)).get
            collection.serial = 0 if newest is None else newest & SERIAL_MASK
        collection.serial += 1
        return first | collection.serial
