"""Indices and collections with their mappings, kept in memory by the event loop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import orjson

from device_manager.errors import api_error
from device_manager.query import fields
from device_manager.query.fields import FieldRef
from device_manager.storage.mappings import FieldType, Mapping
from device_manager.storage.mappings.walker import Found
from device_manager.storage.sqlite.layout import SERIAL_BITS, SERIAL_MASK


class Collection:
    """One collection: its number, its mapping, and the numbers of its indexed leaves.

    It is the `FieldResolver` of the SQL compiler. `revision` grows with each extension of the mapping.
    """

    __slots__ = ("_numbers", "_refs", "_types", "cid", "index", "mapping", "name", "revision", "serial")

    def __init__(
        self, cid: int, index: str, name: str, mapping: Mapping, revision: int, numbers: dict[str, int]
    ) -> None:
        self.cid = cid
        self.index = index
        self.name = name
        self.serial: int | None = None
        """Serial of the newest document, None as long as nobody asked."""
        self.extend(mapping, revision, numbers)

    def extend(self, mapping: Mapping, revision: int, numbers: dict[str, int]) -> None:
        """Take over an extended mapping; `numbers` has the field number of each of its leaves."""
        self.mapping = mapping
        self.revision = revision
        self._numbers = [numbers[path] for path in mapping.slots]
        self._refs: dict[str, FieldRef | None] = {}
        self._types: dict[str, fields.FieldType] | None = None

    @property
    def rids(self) -> tuple[int, int]:
        """The lowest and the highest `rid` that documents of the collection can have."""
        return self.cid << SERIAL_BITS, self.cid << SERIAL_BITS | SERIAL_MASK

    def field(self, path: str) -> FieldRef | None:
        """The leaf at `path`, as the compiler needs it; None when there is no such leaf."""
        if path not in self._refs:
            field = self.mapping.field(path)
            self._refs[path] = None if field is None or field.slot is None else self._ref(field)
        return self._refs[path]

    @property
    def types(self) -> dict[str, fields.FieldType]:
        """All fields of the mapping as queries see them."""
        if self._types is None:
            self._types = fields.field_types(self.mapping.to_dict())
        return self._types

    def leaves(self, path: str) -> Sequence[FieldRef]:
        """The leaf at `path`, or all leaves below the object at `path`."""
        return [self._ref(leaf) for leaf in self.mapping.leaves(path)]

    def _ref(self, field: FieldType) -> FieldRef:
        assert field.slot is not None  # noqa: S101  # the callers looked
        return FieldRef(self._numbers[field.slot], field.type, field.parameters.get("format"))

    def terms(self, found: Found) -> set[tuple[int, Any]]:
        """What `term` holds of a document, as (f, v), from the values that the mapping found."""
        numbers = self._numbers
        return {(numbers[slot], value) for slot, value in found if slot >= 0}


class Catalogue:
    """All collections by index and name."""

    def __init__(self, indices: Iterable[str], collections: Iterable[Collection]) -> None:
        self._indices: dict[str, dict[str, Collection]] = {index: {} for index in indices}
        for collection in collections:
            self.add(collection)

    @classmethod
    def load(cls, connection: apsw.Connection) -> Catalogue:
        """The catalogue as the file has it."""
        numbers: dict[int, dict[str, int]] = {}
        for cid, path, f in connection.execute("SELECT cid, path, f FROM field"):
            numbers.setdefault(cid, {})[path] = f
        compiled: dict[str, Mapping] = {}  # engines of one group have the same mappings
        collections = []
        for cid, index, name, text, revision in connection.execute(
            'SELECT cid, "index", name, mapping, revision FROM collection WHERE NOT dropped'
        ):
            if text not in compiled:
                compiled[text] = Mapping.stored(orjson.loads(text))
            collections.append(Collection(cid, index, name, compiled[text], revision, numbers.get(cid, {})))
        return cls([name for (name,) in connection.execute('SELECT name FROM "index"')], collections)

    def indices(self) -> list[str]:
        """Names of all indices."""
        return sorted(self._indices)

    def has_index(self, index: str) -> bool:
        """Whether there is such an index."""
        return index in self._indices

    def add_index(self, index: str) -> None:
        """Add an empty index; does nothing when it is there."""
        self._indices.setdefault(index, {})

    def drop_index(self, index: str) -> None:
        """Forget an index and its collections."""
        self._indices.pop(index, None)

    def collections(self, index: str) -> dict[str, Collection]:
        """The collections of an index by name. Raises `services.storage.unknown_index`."""
        try:
            return self._indices[index]
        except KeyError:
            raise api_error("services.storage.unknown_index", index) from None

    def find(self, index: str, name: str) -> Collection | None:
        """The collection, or None."""
        return self._indices.get(index, {}).get(name)

    def get(self, index: str, name: str) -> Collection:
        """The collection. Raises `services.storage.unknown_index` or `unknown_collection`."""
        try:
            return self.collections(index)[name]
        except KeyError:
            raise api_error("services.storage.unknown_collection", index, name) from None

    def add(self, collection: Collection) -> None:
        """Add a collection, and its index when it is new."""
        self._indices.setdefault(collection.index, {})[collection.name] = collection

    def drop(self, index: str, name: str) -> None:
        """Forget a collection."""
        self._indices.get(index, {}).pop(name, None)
