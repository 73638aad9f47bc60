"""The mapping of a collection: parsed, extended and compiled (design 6, router-protocol 6.3)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from device_manager.errors import ApiError, api_error
from device_manager.storage.mappings import syntax
from device_manager.storage.mappings.discovery import discover
from device_manager.storage.mappings.walker import UNMAPPED, Compiler, FieldRefused, FieldType, Found, NotAllowed

_NOTHING = object()
_PLAIN = frozenset({str, int})


class Mapping:
    """What a collection's documents may hold and what is indexed of it. Immutable: `merge` makes a new one.

    Attributes:
        slots: path of the leaf that each slot of `index_values` stands for.
    """

    def __init__(self, normal: dict[str, Any]) -> None:
        compiler = Compiler()
        self._normal = normal
        self._walk = compiler.root(normal)
        self._fields = compiler.fields
        self._is_dynamic = compiler.is_dynamic
        self.slots: tuple[str, ...] = tuple(compiler.slots)

    @classmethod
    def compile(cls, mappings: dict[str, Any], *, trusted: bool = False) -> Mapping:
        """The mapping of a new collection; `_kuzzle_info` is added and the root's `dynamic` is "false" unless given.

        Args:
            mappings: `{dynamic?, properties?, _meta?}`.
            trusted: the mapping comes from a store that enforces it itself: unknown types pass and are not checked.

        Raises:
            ApiError: `services.storage.invalid_mapping`, `invalid_mapping_type`, `unexpected_properties`.
        """
        normal = {"dynamic": "false"} | syntax.normalise(mappings, trusted=trusted)
        return cls._finished(normal, trusted=trusted)

    @classmethod
    def stored(cls, normal: dict[str, Any]) -> Mapping:
        """The mapping that `to_dict` once gave, compiled without checking it again."""
        return cls(normal)

    def merge(self, more: dict[str, Any]) -> Mapping:
        """This mapping with `more` added; itself when nothing is new.

        Raises:
            ApiError: what `compile` raises, and `services.storage.cannot_change_mapping`.
        """
        merged = syntax.merge(self._normal, syntax.normalise(more))
        return self if merged == self._normal else self._finished(merged)

    @classmethod
    def _finished(cls, normal: dict[str, Any], *, trusted: bool = False) -> Mapping:
        normal["properties"] = {**normal["properties"], **syntax.COMMON_PROPERTIES}
        if not trusted:
            syntax.check_size(normal)
        try:
            return cls(normal)
        except ValueError as error:  # a null_value that its own field refuses
            raise api_error("services.storage.invalid_mapping", "mappings", f" A null_value {error}.") from error

    def to_dict(self) -> dict[str, Any]:
        """The mapping as callers get it: `{dynamic, properties, _meta?}`."""
        return copy.deepcopy(self._normal)

    def check(self, source: dict[str, Any], index: str, collection: str) -> None:
        """Refuse a source that this mapping does not take.

        Raises:
            ApiError: `services.storage.strict_mapping_rejection` or `unexpected_bad_request`, naming the field.
        """
        self.index_values(source, index, collection)

    def index_values(self, source: dict[str, Any], index: str = "", collection: str = "") -> Found:
        """The distinct (slot, value) pairs that the index holds of `source`; see `sqlite.layout` for the values.

        Args:
            source: the document.
            index: for the text of the error.
            collection: for the text of the error.

        Raises:
            ApiError: what `check` raises.
        """
        found: Found = set()
        try:
            self._walk(source, found.add)
        except NotAllowed as refusal:
            raise api_error("services.storage.strict_mapping_rejection", refusal.path, index, collection) from None
        except FieldRefused as refusal:
            raise bad_value(str(refusal)) from None
        return found

    def difference(
        self, before: dict[str, Any], after: dict[str, Any], index: str, collection: str
    ) -> tuple[Found, Found]:
        """What `index_values` returns for the members that two sources do not share.

        Members that are the same in both are passed over: they were checked when `before` was stored, under this very
        mapping.

        Args:
            before: a stored source.
            after: the source that takes its place.
            index: for the text of the error.
            collection: for the text of the error.

        Raises:
            ApiError: what `check` raises.
        """
        gone, come = _unshared(before, after)
        return self.values_of_older(gone), self.index_values(come, index, collection)

    def check_change(self, before: dict[str, Any], after: dict[str, Any], index: str, collection: str) -> None:
        """`check` for a source that takes the place of a stored one; members that they share are passed over.

        Raises:
            ApiError: what `check` raises.
        """
        self.index_values(_unshared(before, after)[1], index, collection)

    def values_of_older(self, source: dict[str, Any]) -> Found:
        """The pairs of a document that was stored under this mapping or under one that `merge` has extended since.

        They include everything that was indexed then; what today's mapping would refuse is passed over.
        """
        found: Found = set()
        try:
            self._walk(source, found.add)
        except (NotAllowed, FieldRefused):
            Compiler(forgiving=True).root(self._normal)(source, found.add)
        return found

    def extended_for(self, source: dict[str, Any], found: Found) -> Mapping:
        """This mapping with the fields that its `dynamic: true` levels take over from `source`; usually itself.

        Args:
            source: the document.
            found: what `index_values` returned for it.

        Raises:
            ApiError: `services.storage.invalid_mapping` when the mapping would grow beyond its limits.
        """
        if not self._is_dynamic or not any(slot == UNMAPPED for slot, _ in found):
            return self
        discovered = discover(self._normal, source)
        return self.merge({"properties": discovered}) if discovered else self

    def field(self, path: str) -> FieldType | None:
        """The field at `path`, multi-fields and objects included; None when it is not mapped."""
        return self._fields.get(path)

    def leaves(self, path: str) -> Iterator[FieldType]:
        """The indexed leaves at and below `path`, each once; those of a leaf are itself, without its multi-fields."""
        field = self._fields.get(path)
        if field is None:
            return
        if field.type not in ("object", "nested"):
            if field.slot is not None:
                yield field
            return
        for below in field.below:
            yield from self.leaves(below)


def _unshared(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The members in which two sources differ, or may differ; all of them where one has a dotted name."""
    if "." in "".join(before) or "." in "".join(after):
        return before, after
    gone, come = dict(before), {}
    for name, value in after.items():
        other = before.get(name, _NOTHING)
        # Others than texts and whole numbers are not looked into.
        if value is other or (value.__class__ is other.__class__ and value.__class__ in _PLAIN and value == other):
            del gone[name]
        else:
            come[name] = value
    return gone, come


def bad_value(reason: str) -> ApiError:
    """The refusal of a value, naming the field."""
    return api_error("services.storage.unexpected_bad_request", reason)
