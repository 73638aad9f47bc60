"""One pass over a source that enforces its mapping and collects what the index holds of it (design 6).

The mapping is compiled once into nested closures, one for each field: nothing is looked up by path per document.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from device_manager.query.conversions import SURELY_SHORT, Convert, IndexValue, Refused, converter
from device_manager.query.geo import CHECKS
from device_manager.storage.mappings.syntax import PARAMETERS, is_object

Found = set[tuple[int, IndexValue]]
"""The distinct (slot, value) pairs of a document."""

Add = Callable[[tuple[int, IndexValue]], None]

Walk = Callable[[Any, Add], None]

_ARRAYS = (list, tuple)

UNMAPPED = -1
"""The slot of the markers left by fields that a `dynamic: true` level has yet to map."""

METADATA_FIELDS = frozenset(
    {
        "_id", "_index", "_source", "_routing", "_field_names", "_ignored", "_ignored_source", "_seq_no", "_version",
        "_tier", "_nested_path",
    }
)  # fmt: skip
"""Names that the stores keep for themselves at the root of a document."""


class NotAllowed(Exception):
    """A field that a strict level does not map."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class FieldRefused(Exception):
    """A value that its field does not accept."""

    def __init__(self, path: str, type: str, reason: str) -> None:
        super().__init__(f'Field "{path}" of type {type} {reason}.')


@dataclass(frozen=True, slots=True)
class FieldType:
    """One field of a mapping.

    Attributes:
        path: dotted path from the root.
        type: `keyword`, ..., `object` or `nested`.
        slot: where `Mapping.index_values` reports its values; None for objects, for everything below a nested field
            and for types that are not indexed here.
        below: the paths of the fields right below: members of an object, multi-fields of a leaf.
        parameters: the definition as it stands in the mapping.
    """

    path: str
    type: str
    slot: int | None
    below: tuple[str, ...]
    parameters: Mapping[str, Any]


class Compiler:
    """Compiles the normal form of a mapping: the walk, and the table of fields beside it.

    A forgiving walk passes over what it would refuse: it is for documents older than parts of the mapping.
    """

    def __init__(self, *, forgiving: bool = False) -> None:
        self._forgiving = forgiving
        self.fields: dict[str, FieldType] = {}
        self.slots: list[str] = []
        self.is_dynamic = False
        """Whether some level has `dynamic: true`."""

    def root(self, normal: Mapping[str, Any]) -> Walk:
        """The walk over whole sources."""
        self.is_dynamic = normal["dynamic"] == "true"
        members = self._members(normal["properties"], "", normal["dynamic"], indexed=True)
        if self._forgiving:
            return _object("", members, "false")
        members |= {name: _metadata_field(name) for name in METADATA_FIELDS if name not in members}
        return _object("", members, normal["dynamic"])

    def _members(self, properties: Mapping[str, Any], above: str, dynamic: str, *, indexed: bool) -> dict[str, Walk]:
        members = {
            name: self._field(definition, above + name, dynamic, indexed=indexed)
            for name, definition in properties.items()
        }
        return {name: _forgiven(walk) for name, walk in members.items()} if self._forgiving else members

    def _field(self, definition: Mapping[str, Any], path: str, dynamic: str, *, indexed: bool) -> Walk:
        if not is_object(dict(definition)):
            return self._leaf_with_multi_fields(definition, path, indexed=indexed)
        type = definition.get("type", "object")
        properties = definition.get("properties", {})
        dynamic = definition.get("dynamic", dynamic)
        self.is_dynamic = self.is_dynamic or dynamic == "true"
        indexed = indexed and type != "nested"
        below = tuple(f"{path}.{name}" for name in properties)
        self.fields[path] = FieldType(path, type, None, below, definition)
        members = self._members(properties, f"{path}.", dynamic, indexed=indexed)
        if definition.get("enabled") is False:
            return _ignore
        return _object(path, members, "false" if self._forgiving else dynamic)

    def _leaf_with_multi_fields(self, definition: Mapping[str, Any], path: str, *, indexed: bool) -> Walk:
        multi = {f"{path}.{name}": field for name, field in definition.get("fields", {}).items()}
        main = self._leaf(definition, path, tuple(multi), indexed=indexed)
        others = []
        for name, field in multi.items():
            if indexed and _shares_presence(definition, field):
                # A text multi-field has a value exactly when its keyword has one: no rows of its own.
                self.fields[name] = FieldType(name, field["type"], self.fields[path].slot, (), field)
            else:
                others.append(self._leaf(field, name, (), indexed=indexed))
        return _both(main, others) if others else main

    def _leaf(self, definition: Mapping[str, Any], path: str, below: tuple[str, ...], *, indexed: bool) -> Walk:
        type = definition["type"]
        if type not in PARAMETERS:
            self.fields[path] = FieldType(path, type, None, below, definition)
            return _ignore
        slot = len(self.slots) if indexed else None
        if slot is not None:
            self.slots.append(path)
        self.fields[path] = FieldType(path, type, slot, below, definition)
        lenient = definition.get("ignore_malformed") is True
        if type in CHECKS:
            return _geo(path, type, slot, lenient)
        takes_null = definition.get("null_value") is not None
        walk = _leaf(path, type, slot, converter(definition), takes_null, lenient)
        if type == "keyword" and slot is not None and "ignore_above" not in definition:
            return _short_keyword(slot, walk)
        return walk


def _shares_presence(definition: Mapping[str, Any], multi: Mapping[str, Any]) -> bool:
    return (
        multi["type"] == "text"
        and definition["type"] == "keyword"
        and "ignore_above" not in definition
        and "null_value" not in definition
    )


def _ignore(value: Any, add: Add) -> None:
    """Anything goes and nothing is indexed."""


def _forgiven(strict: Walk) -> Walk:
    def walk(value: Any, add: Add) -> None:
        with contextlib.suppress(NotAllowed, FieldRefused):
            strict(value, add)

    return walk


def _metadata_field(name: str) -> Walk:
    def walk(value: Any, add: Add) -> None:
        raise FieldRefused(name, "metadata", "cannot be part of a document")

    return walk


def _both(main: Walk, others: list[Walk]) -> Walk:
    def walk(value: Any, add: Add) -> None:
        main(value, add)
        for other in others:
            other(value, add)

    return walk


def _leaf(path: str, type: str, slot: int | None, convert: Convert, takes_null: bool, lenient: bool) -> Walk:
    def walk(value: Any, add: Add) -> None:
        if value is None and not takes_null:
            return
        if value.__class__ in _ARRAYS:
            for item in value:
                walk(item, add)
            return
        try:
            indexed = convert(value)
        except Refused as error:
            if lenient and not isinstance(value, dict):
                return
            raise FieldRefused(path, type, str(error)) from None
        if indexed is not None and slot is not None:
            add((slot, indexed))

    return walk


def _short_keyword(slot: int, otherwise: Walk) -> Walk:
    """The way of nearly all values: a text that is short enough whatever its characters are."""

    def walk(value: Any, add: Add) -> None:
        if value.__class__ is str and len(value) <= SURELY_SHORT:
            add((slot, value))
        else:
            otherwise(value, add)

    return walk


def _geo(path: str, type: str, slot: int | None, lenient: bool) -> Walk:
    check = CHECKS[type]

    def walk(value: Any, add: Add) -> None:
        try:
            present = check(value)
        except Refused as error:
            if lenient:
                return
            raise FieldRefused(path, type, str(error)) from None
        if present and slot is not None:
            add((slot, 1))

    return walk


def _object(path: str, members: dict[str, Walk], dynamic: str) -> Walk:
    member = members.get
    unknown = _unknown(f"{path}." if path else "", dynamic)

    def walk(value: Any, add: Add) -> None:
        if value.__class__ is dict:
            for name, item in value.items():
                step = member(name)
                if step is not None:
                    step(item, add)
                elif "." in name:
                    walk(_unfolded(name, item, path), add)
                else:
                    unknown(name, item, add)
        elif value.__class__ in _ARRAYS:
            for item in value:
                walk(item, add)
        elif value is not None:
            raise FieldRefused(path, "object", "expects an object")

    return walk


def _unfolded(name: str, item: Any, path: str) -> dict[str, Any]:
    """A member with a dotted name as nested objects. Points at the end do not count, as in Elasticsearch."""
    first, *rest = name.rstrip(".").split(".")
    if not first.strip() or not all(part.strip() for part in rest):
        raise FieldRefused(path or "the document", "object", f'has a member with the unusable name "{name}"')
    return {first: {".".join(rest): item}} if rest else {first: item}


def _unknown(above: str, dynamic: str) -> Callable[[str, Any, Add], None]:
    def unknown(name: str, item: Any, add: Add) -> None:
        if not name.strip():
            raise FieldRefused(above[:-1] or "the document", "object", "has a member with an empty name")
        if dynamic == "strict":
            raise NotAllowed(above + name)
        if dynamic == "true":
            add((UNMAPPED, above + name))

    return unknown
