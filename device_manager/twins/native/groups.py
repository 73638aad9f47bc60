"""Native writes to the groups of an engine: names stay unique, paths are left to the groups' own actions. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from device_manager.errors import api_error
from device_manager.storage.contract import Document, Key, Transaction
from device_manager.twins.call import Call
from device_manager.twins.documents import Source, Stamp
from device_manager.twins.groups.names import claim_name, folded, release_name
from device_manager.twins.groups.steps import check_path, write_parent
from device_manager.twins.native.records import check_unchanged, managed
from device_manager.twins.places import GROUPS, Places, group_key
from device_manager.twins.workspace import Workspace

MOVING = "device-manager/groups:update"


class GroupWriter:
    """Writes groups one by one; what concerns all that is below them is refused.

    Args:
        places: where documents live.
        engine: the engine of the groups.
        call: the caller.
    """

    def __init__(self, places: Places, engine: str, call: Call) -> None:
        self._places = places
        self._engine = engine
        self._call = call

    def related(self, keys: Sequence[Key]) -> Sequence[Key]:
        """See `documents.writers.Writer`."""
        return ()

    def partners(self, stored: Mapping[Key, Document]) -> Sequence[Key]:
        """See `documents.writers.Writer`."""
        return ()

    def create(
        self, tx: Transaction, index: str, collection: str, source: Source, id: str | None, stamp: Stamp
    ) -> Document:
        """See `documents.writers.Writer`. A group without a path is a root."""
        if id is None:
            raise api_error("api.assert.missing_argument", "_id")
        _check_name(source)
        work = Workspace(tx, self._places, self._call)
        key = group_key(self._engine, id)
        work.load((key,))
        path = source.get("path") or id
        check_path(work, self._engine, id, path)
        with work.as_one():
            claim_name(work, self._engine, id, source["name"])
            group = work.create(key, {"model": None, "metadata": {}, "lastUpdate": stamp.now} | source | {"path": path})
            write_parent(work, self._engine, path)
        return group

    def replace(self, tx: Transaction, key: Key, before: Document, source: Source, stamp: Stamp) -> Document:
        """See `documents.writers.Writer`."""
        check_unchanged(key.id, "path", before.source.get("path"), source.get("path"), MOVING)
        _check_name(source)
        work = Workspace(tx, self._places, self._call)
        work.load((key,))
        old = str(before.source.get("name"))
        renamed = folded(old) != folded(source["name"])
        with work.as_one():
            if renamed:
                claim_name(work, self._engine, key.id, source["name"])
            group = work.replace(key, source)
            if renamed:
                release_name(work, self._engine, key.id, old)
        return group

    def delete(self, tx: Transaction, key: Key, before: Document, stamp: Stamp) -> None:
        """See `documents.writers.Writer`. It would concern all that is below the group."""
        raise managed(self._engine, GROUPS)


def _check_name(source: Source) -> None:
    if not isinstance(source.get("name"), str) or not source["name"]:
        raise api_error("device_manager.groups.empty_name")
